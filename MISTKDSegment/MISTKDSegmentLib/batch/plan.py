"""What there is to segment among files and folder trees: cases with names that no two of them share."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

import SimpleITK as sitk

from MISTKDSegmentLib.batch.case import Case
from MISTKDSegmentLib.io.dicom.series import find_series
from MISTKDSegmentLib.io.reading import SUFFIXES

SUMMARY_NAME = "summary"
LABEL_MAP, NO_SCAN = "named like a label map", "no scan by its name"
# Ours (.seg.nrrd, .seg.nii.gz), 3D Slicer's (-label.nrrd) and what else people call them.
_LABEL_MAP_NAME = re.compile(r"(^|[._-])(seg|segmentation|label|labelmap|mask)s?$", re.IGNORECASE)
_NAMED = 3


@dataclass(frozen=True)
class LeftOut:
    """Something that is no case.

    Attributes:
        source: the file or folder.
        reason: why it is left out.
        series: number of the DICOM series in the folder, where it is one.
    """

    source: Path
    reason: str
    series: Optional[str] = None

    def __str__(self) -> str:
        return str(self.source) if self.series is None else f"{self.source} (series {self.series or 'without number'})"


@dataclass(frozen=True)
class _Scan:
    """A scan that has no name yet; `ending` tells it from others in its folder."""

    source: Path
    files: tuple[str, ...] = ()
    ending: str = ""


_Found = Union[_Scan, LeftOut]


@dataclass(frozen=True)
class Plan:
    """What to do, in the order of the names, and what not."""

    cases: tuple[Case, ...]
    left_out: tuple[LeftOut, ...]

    def left_out_sentences(self) -> list[str]:
        """One for each reason to leave something out."""
        places: dict[str, list[str]] = {}
        for one in self.left_out:
            places.setdefault(one.reason, []).append(str(one))
        return [f"Left out, {reason}: {_some(found)}" for reason, found in sorted(places.items())]

    def only_scan(self, folder: Path) -> Optional[Case]:
        """The scan in a folder that holds nothing but one series of whatever kind, or nothing at all; else None.

        Such a folder is read as one scan, and what is wrong with it is an error.
        """
        sources = [case.source for case in self.cases]
        sources += [one.source for one in self.left_out if one.reason != LABEL_MAP]
        if sources and sources != [Path(os.path.abspath(folder))]:
            return None
        return Case(folder, files=self.cases[0].files if self.cases else ())


def make_plan(inputs: Sequence[Path]) -> Plan:
    """Look for scans.

    A volume file is a case, and so is each series of axial CT in a folder. An input that does not exist, a folder that
    cannot be opened and CT images that cannot be read are cases too, so that they are noticed. Names follow the
    folders: those in the one folder that is the input, or those in the folder that holds all the inputs.

    Args:
        inputs: files and folders.
    """
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    tops = [Path(os.path.abspath(path)) for path in inputs]
    others: dict[str, Path] = {}  # by their real paths, because an input may lie in another
    found = [item for top in tops for item in (_in_tree(top, others) if top.is_dir() else _named(top))]
    found += _series(others.values())
    base = tops[0] if len(tops) == 1 and tops[0].is_dir() else _common_folder(tops)
    scans = {(os.path.realpath(item.source), item.files): item for item in found if isinstance(item, _Scan)}
    return Plan(tuple(_cases(list(scans.values()), base)),
                tuple(dict.fromkeys(item for item in found if isinstance(item, LeftOut))))


def _in_tree(top: Path, others: dict[str, Path]) -> Iterator[_Found]:
    """The volume files in a tree; what else there is goes to `others`, as a series may lie in several folders."""
    seen: set[str] = set()
    unreadable: list[_Scan] = []
    for folder, subfolders, names in os.walk(
            top, followlinks=True, onerror=lambda error: unreadable.append(_Scan(Path(error.filename)))):
        seen.add(os.path.realpath(folder))
        # Following a link to a folder above would never end.
        subfolders[:] = [name for name in sorted(subfolders) if not name.startswith(".")
                         and os.path.realpath(os.path.join(folder, name)) not in seen]
        # Hidden files are other programs': macOS writes ._NAME.nii.gz beside NAME.nii.gz.
        for path in (Path(folder, name) for name in sorted(names) if not name.startswith(".")):
            if volume_suffix(path.name):
                yield _volume(path)
            else:
                others.setdefault(os.path.realpath(path), path)
    yield from unreadable


def _series(paths: Iterable[Path]) -> Iterator[_Found]:
    placed = [(_common_folder(one.files), one) for one in find_series(paths)]
    scans = Counter(folder for folder, one in placed if not one.fault)
    for common, one in placed:
        first = one.files[0].parent
        if one.fault:
            yield LeftOut(first, one.fault, one.number)
        else:
            folder = common or first
            files = tuple(os.fspath(path if common is None else path.relative_to(folder)) for path in one.files)
            ending = f"-series{one.number}" + (f"-pass{one.part}" if one.part else "")
            yield _Scan(folder, files, ending if scans[common] > 1 else "")


def _named(path: Path) -> Iterator[_Found]:
    yield _volume(path) if volume_suffix(path.name) or not path.exists() else LeftOut(path, NO_SCAN)


def _volume(path: Path) -> _Found:
    return LeftOut(path, LABEL_MAP) if _LABEL_MAP_NAME.search(_without_suffix(path.name)) else _Scan(path)


def volume_suffix(name: str) -> str:
    """The end of a volume's file name, as it is written there; empty where the file is none."""
    return next((name[-len(suffix):] for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def _without_suffix(name: str) -> str:
    return name[:len(name) - len(volume_suffix(name))]


def _common_folder(tops: Sequence[Path]) -> Optional[Path]:
    try:
        return Path(os.path.commonpath([top.parent for top in tops]))
    except ValueError:  # different drives
        return None


def _cases(scans: Sequence[_Scan], base: Optional[Path]) -> Iterator[Case]:
    taken = {SUMMARY_NAME}
    for wanted, source, files in sorted((_name(scan, base), scan.source, scan.files) for scan in scans):
        name, number = wanted, 1
        # On Windows and macOS, A and a are the same file.
        while name.casefold() in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name.casefold())
        yield Case(source, name, files)


def _name(scan: _Scan, base: Optional[Path]) -> str:
    if base is None:
        parts = (re.sub(r"\W", "", scan.source.drive), *scan.source.parts[1:])
    else:
        parts = scan.source.relative_to(base).parts or (scan.source.name or "volume",)
    last = parts[-1] if scan.files else _without_suffix(parts[-1]) or "volume"
    return "/".join([*parts[:-1], last + scan.ending])


def _some(places: Sequence[str]) -> str:
    more = len(places) - _NAMED
    return "; ".join(places[:_NAMED]) + (f" and {more} more" if more > 0 else "")
