"""Prepared cases: the manifest that describes them, and their voxels, unpacked once and mapped into memory."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.bundle import parse_label
from MISTKDSegmentLib.model.labels import Label

MANIFEST = "manifest.json"
SCHEMA_VERSION = 2
# The label of pixels of which nothing is known.
IGNORE = 255
# Beside the packed cases; may be deleted at any time.
UNPACKED = "unpacked"
ARRAYS = ("image", "labels", "organs")
MOST_OPEN_FILES = 256


@dataclass(frozen=True)
class PreparedCase:
    """One entry of the manifest.

    Attributes:
        name: case name, e.g. "case0010"; its file is NAME.npz with `image` and `labels`, both uint8 (k, j, i).
        slices: number of axial slices.
        slice_spacing_mm: distance between slices.
        sha256: of the file.
        content_sha256: of the image's bytes; the same scan under two names has it twice.
        known: organs that the reference tells; none for an unlabelled scan.
        voxels: labelled pixels per organ name.
    """

    name: str
    slices: int
    slice_spacing_mm: float
    sha256: str
    content_sha256: str
    known: tuple[str, ...]
    voxels: dict[str, int]


@dataclass(frozen=True)
class Manifest:
    """What a folder of prepared cases holds.

    Attributes:
        source: where the scans come from.
        licence: of the scans.
        window_hu: HU at 0 and at 255 of the 8-bit images.
        pixel_spacing_mm: in-plane pixel size.
        labels: the organs; pixels hold their channel, i.e. position + 1.
        cases: in order of preparation.
    """

    source: str
    licence: str
    window_hu: tuple[float, float]
    pixel_spacing_mm: float
    labels: tuple[Label, ...]
    cases: tuple[PreparedCase, ...]


class MappedArray:
    """An array on disk that is mapped into memory while it is used.

    A data set may have thousands of cases: a process may not hold as many files open, and a process that fetches
    slices is sent the path instead of the voxels.

    Args:
        path: of an .npy file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shape: tuple[int, ...] = _mapped(path).shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        return _mapped(self.path)[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(_mapped(self.path), dtype)


@lru_cache(maxsize=MOST_OPEN_FILES)
def _mapped(path: Path) -> np.ndarray:
    return np.load(path, mmap_mode="r")


@dataclass(frozen=True)
class Case:
    """One prepared case.

    Attributes:
        name: of the case.
        image: uint8 (k, j, i), 0 to 255 over the HU window.
        labels: uint8 (k, j, i), channels of the organs, 255 where nothing is known.
        organs: bool (k, classes), which channels each slice holds.
        known: bool (classes,), True for the channels of the organs that the labels tell; [0] is True where any is.
        pixel_spacing_mm: in-plane pixel size.
        slice_spacing_mm: distance between slices.
    """

    name: str
    image: np.ndarray | MappedArray
    labels: np.ndarray | MappedArray
    organs: np.ndarray
    known: np.ndarray
    pixel_spacing_mm: float
    slice_spacing_mm: float

    @property
    def is_labelled(self) -> bool:
        """Whether its labels tell any organ."""
        return bool(self.known.any())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`.

    Raises:
        OutputError: if it cannot be written.
    """
    document = {"schema_version": SCHEMA_VERSION, **asdict(manifest)}
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest that `prepare` wrote.

    Raises:
        InputError: if there is none, or it is of another version.
    """
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"it has schema version {document['schema_version']}, not {SCHEMA_VERSION}")
        return _parse(document)
    except KeyError as error:
        reason = f"entry {error} is missing"
    except FileNotFoundError:
        raise InputError(f"{folder} holds no prepared cases: make them with Training/prepare.py RAW OUT.") from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        reason = str(error)
    raise InputError(f"{path} cannot be read ({reason}): make it with Training/prepare.py.")


def _parse(document: dict[str, Any]) -> Manifest:
    low, high = document["window_hu"]
    return Manifest(
        source=document["source"],
        licence=document["licence"],
        window_hu=(float(low), float(high)),
        pixel_spacing_mm=float(document["pixel_spacing_mm"]),
        labels=tuple(parse_label(entry) for entry in document["labels"]),
        cases=tuple(PreparedCase(**{**entry, "known": tuple(entry["known"])}) for entry in document["cases"]),
    )


def read_manifests(folders: Iterable[Path]) -> Manifest:
    """One manifest of several prepared folders.

    Raises:
        InputError: if they differ in organs, window or pixels, or share a case name or a scan.
    """
    folders = list(folders)
    parts = [read_manifest(folder) for folder in folders]
    if not parts:
        raise InputError("no prepared data set is named: give the folder that Training/prepare.py wrote.")
    for folder, part in zip(folders, parts, strict=True):
        for what in ("labels", "window_hu", "pixel_spacing_mm"):
            if getattr(part, what) != getattr(parts[0], what):
                raise InputError(f"{folder} and {folders[0]} differ in {what}: prepare both with the same options.")
    cases = tuple(case for part in parts for case in part.cases)
    _check_distinct(cases)
    return Manifest(
        source="; ".join(dict.fromkeys(part.source for part in parts)),
        licence="; ".join(dict.fromkeys(part.licence for part in parts)),
        window_hu=parts[0].window_hu,
        pixel_spacing_mm=parts[0].pixel_spacing_mm,
        labels=parts[0].labels,
        cases=cases,
    )


def _check_distinct(cases: Sequence[PreparedCase]) -> None:
    names: set[str] = set()
    scans: dict[str, str] = {}
    for case in cases:
        if case.name in names:
            raise InputError(f"two prepared data sets have a case {case.name}: rename one and prepare it again.")
        if case.content_sha256 in scans:
            raise InputError(f"{case.name} and {scans[case.content_sha256]} are the same scan: leave one out.")
        names.add(case.name)
        scans[case.content_sha256] = case.name


def load_cases(folders: Iterable[Path], names: Sequence[str]) -> list[Case]:
    """Open prepared cases; their voxels stay on disk until they are used.

    Args:
        folders: what `prepare` wrote.
        names: cases to open, e.g. "case0010".

    Raises:
        InputError: if no folder has a case, or its file is damaged.
        OutputError: if there is no room for the unpacked voxels.
    """
    found: dict[str, Case] = {}
    for folder in folders:
        manifest = read_manifest(folder)
        wanted = [case for case in manifest.cases if case.name in names]
        found |= {case.name: _open(folder, manifest, case) for case in wanted}
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"the prepared data sets have no case {', '.join(missing)}: check the names.")
    return [found[name] for name in names]


def _open(folder: Path, manifest: Manifest, case: PreparedCase) -> Case:
    image, labels, organs = _unpacked(folder, case)
    names = [label.name in case.known for label in manifest.labels]
    known = np.array([any(names), *names])
    present = np.load(organs)[:, : len(known)]
    return Case(case.name, MappedArray(image), MappedArray(labels), present, known, manifest.pixel_spacing_mm,
                case.slice_spacing_mm)


def _unpacked(folder: Path, case: PreparedCase) -> list[Path]:
    """Files with the arrays of a case, unpacked and verified at the first use.

    Several processes may do this at the same time; each file appears whole.

    Raises:
        InputError: if NAME.npz is missing or not the file that the manifest describes.
        OutputError: if there is no room for the unpacked voxels.
    """
    # The checksum in the name keeps voxels of an earlier preparation from being taken for these.
    files = [folder / UNPACKED / f"{case.name}.{case.sha256[:12]}.{kind}.npy" for kind in ARRAYS]
    if not all(_is_whole(file) for file in files):
        image, labels = _read_arrays(folder / f"{case.name}.npz", case.sha256)
        _make_folder(files[0].parent)
        for stale in files[0].parent.glob(f"{glob.escape(case.name)}.*.npy"):
            if stale not in files:
                stale.unlink(missing_ok=True)
        for file, array in zip(files, (image, labels, _organs(labels)), strict=True):
            with atomic_path(file) as temporary, open(temporary, "wb") as stream:
                np.save(stream, array)
    return files


def _is_whole(file: Path) -> bool:
    """Whether an unpacked file is there and as long as it says; `atomic_path` writes it whole, but disks fail."""
    try:
        np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return True


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}): copy the prepared cases to a folder that "
                          "can be written.") from None


def _organs(labels: np.ndarray) -> np.ndarray:
    """Which values each slice holds: bool (k, 256)."""
    return np.stack([np.bincount(one.ravel(), minlength=256) > 0 for one in labels])


def _read_arrays(path: Path, sha256: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): prepare the data set again.") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path} is not the file that the manifest describes: prepare the data set again.")
    try:
        with np.load(BytesIO(content)) as arrays:
            return arrays["image"], arrays["labels"]
    except (ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path} holds no prepared case ({error}): prepare the data set again.") from None
