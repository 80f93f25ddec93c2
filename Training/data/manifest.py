"""The manifest of a folder of prepared cases: where they come from, which organs are annotated, what they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.bundle import parse_label
from MISTKDSegmentLib.model.labels import Label
from Training.system.files import write_json

MANIFEST = "manifest.json"
SCHEMA_VERSION = 3
READABLE_VERSIONS = (2, 3)


@dataclass(frozen=True)
class CaseEntry:
    """Entry of the manifest about one case.

    Attributes:
        name: case name, e.g. "case0010"; its file is NAME.npz with `image` and `labels`, both uint8 (k, j, i).
        slices: number of axial slices.
        slice_spacing_mm: distance between slices.
        sha256: of the file.
        content_sha256: of the image's bytes; the same scan under two names has it twice.
        annotated: organs that the reference annotates; none for an unlabelled scan.
        voxels: labelled pixels per organ name.
    """

    name: str
    slices: int
    slice_spacing_mm: float
    sha256: str
    content_sha256: str
    annotated: tuple[str, ...]
    voxels: dict[str, int]


@dataclass(frozen=True)
class Manifest:
    """Description of a folder of prepared cases.

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
    cases: tuple[CaseEntry, ...]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`.

    Raises:
        OutputError: if it cannot be written.
    """
    write_json(folder / MANIFEST, {"schema_version": SCHEMA_VERSION, **asdict(manifest)})


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest that `prepare` wrote.

    Raises:
        InputError: if there is none, or it is of another version.
    """
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema_version"] not in READABLE_VERSIONS:
            raise ValueError(f"it has schema version {document['schema_version']}, not {SCHEMA_VERSION}")
        return _parse(document)
    except KeyError as error:
        reason = f"entry {error} is missing"
    except FileNotFoundError:
        raise InputError(f"{folder} holds no prepared cases: make them with mistkd prepare RAW OUT.") from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        reason = str(error)
    raise InputError(f"{path} cannot be read ({reason}): make it with mistkd prepare.")


def _parse(document: dict[str, Any]) -> Manifest:
    low, high = document["window_hu"]
    return Manifest(
        source=document["source"],
        licence=document["licence"],
        window_hu=(float(low), float(high)),
        pixel_spacing_mm=float(document["pixel_spacing_mm"]),
        labels=tuple(parse_label(entry) for entry in document["labels"]),
        cases=tuple(parse_entry(entry) for entry in document["cases"]),
    )


def parse_entry(entry: dict[str, Any]) -> CaseEntry:
    """Read one case of a manifest.

    Raises:
        TypeError, KeyError: it has other keys.
    """
    entry = dict(entry)
    if "known" in entry:  # its name in schema version 2
        entry["annotated"] = entry.pop("known")
    return CaseEntry(**{**entry, "annotated": tuple(entry["annotated"])})


def read_manifests(folders: Iterable[Path]) -> Manifest:
    """Read the manifests of several prepared folders as one.

    Raises:
        InputError: if they differ in organs, window or pixels, or share a case name or a scan.
    """
    folders = list(folders)
    parts = [read_manifest(folder) for folder in folders]
    if not parts:
        raise InputError("no prepared data set is named: give the folder that mistkd prepare wrote.")
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


def _check_distinct(cases: Sequence[CaseEntry]) -> None:
    names: set[str] = set()
    scans: dict[str, str] = {}
    for case in cases:
        if case.name in names:
            raise InputError(f"two prepared data sets have a case {case.name}: rename one and prepare it again.")
        if case.content_sha256 in scans:
            raise InputError(f"{case.name} and {scans[case.content_sha256]} are the same scan: leave one out.")
        names.add(case.name)
        scans[case.content_sha256] = case.name
