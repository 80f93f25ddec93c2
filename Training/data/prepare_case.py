"""A scan in its prepared form, and the note beside it that lets the next run keep it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.canonical_frame import canonical_frame
from MISTKDSegmentLib.inference.preprocess import SliceGrid, slice_grid, window
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.labels import Label
from Training.data.manifest import CaseEntry, parse_entry
from Training.data.prepared import IGNORE
from Training.data.scans import Scan
from Training.data.sides import doubts
from Training.system.files import write_json

_FORM = 2  # to be raised when the same input gives other voxels or doubts, so that nothing old is kept


@dataclass(frozen=True)
class Target:
    """The prepared form that is asked for.

    Attributes:
        folder: of the prepared cases.
        organs: the organs to learn.
        window_hu: HU at 0 and at 255 of the 8-bit images.
        pixel_spacing_mm: in-plane pixel size.
    """

    folder: Path
    organs: tuple[Label, ...]
    window_hu: tuple[float, float]
    pixel_spacing_mm: float


@dataclass(frozen=True)
class Preparation:
    """The note NAME.note.json beside NAME.npz.

    Attributes:
        fingerprint: of all that decides the prepared voxels.
        case: its entry in the manifest.
        size: of the scan in voxels, (i, j, k) of the canonical frame.
        spacing_mm: of the scan, likewise.
        ignored: pixels without a valid label.
        doubts: what is hard to believe of its labels.
    """

    fingerprint: str
    case: CaseEntry
    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    ignored: int
    doubts: tuple[str, ...]

    def organ_ml(self, pixel_spacing_mm: float) -> dict[str, float]:
        """Volume of each annotated organ in millilitres."""
        pixel_ml = pixel_spacing_mm**2 * self.case.slice_spacing_mm / 1000
        return {name: self.case.voxels[name] * pixel_ml for name in self.case.annotated}


def fingerprint(scan: Scan, target: Target) -> str:
    """Checksum of all that decides the prepared voxels of a scan: files (size and time), settings and options.

    Raises:
        InputError: a file is missing.
    """
    try:
        states = [(path.name, (state := path.stat()).st_size, state.st_mtime_ns) for path in scan.files]
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}); check its permissions.") from error
    options = (target.organs, target.window_hu, target.pixel_spacing_mm)
    return hashlib.sha256(repr((_FORM, scan.name, states, scan.settings, options)).encode()).hexdigest()


def find_preparation(scan: Scan, target: Target) -> Preparation | None:
    """Find what an earlier run made of the same scan with the same options, if its file is still whole.

    Raises:
        InputError: a file of the scan is missing.
    """
    try:
        found = _parse(json.loads(_note(target, scan.name).read_text(encoding="utf-8")))
        content = _arrays(target, scan.name).read_bytes()
    except (OSError, ValueError, LookupError, TypeError):
        return None
    whole = found.case.sha256 == hashlib.sha256(content).hexdigest()
    return found if whole and found.fingerprint == fingerprint(scan, target) else None


def prepare_case(scan: Scan, target: Target) -> Preparation:
    """Prepare a scan and write NAME.npz, then NAME.note.json.

    Raises:
        InputError: the scan or its reference cannot be used.
        OutputError: the files cannot be written.
    """
    # Before reading: a file that changes meanwhile must be read again by the next run.
    state = fingerprint(scan, target)
    volume = scan.read_volume()
    frame = canonical_frame(volume)
    canonical = frame.volume
    image, labels = _resample(slice_grid(canonical, target.pixel_spacing_mm, 1), canonical.voxels,
                              frame.canonical_labels(scan.read_reference(volume)), target.window_hu)
    with atomic_path(_arrays(target, scan.name)) as temporary:
        np.savez_compressed(temporary, image=image, labels=labels)
    names = [organ.name for organ in target.organs]
    counts = np.bincount(labels.ravel(), minlength=256)
    case = CaseEntry(
        name=scan.name,
        slices=len(image),
        slice_spacing_mm=float(canonical.spacing_mm[2]),
        sha256=hashlib.sha256(_arrays(target, scan.name).read_bytes()).hexdigest(),
        content_sha256=hashlib.sha256(image.tobytes()).hexdigest(),
        annotated=scan.annotated,
        voxels={name: int(counts[channel]) for channel, name in enumerate(names, 1)},
    )
    found = doubts(labels, names) if scan.annotated else []
    size, spacing_mm = canonical.voxels.shape[::-1], canonical.spacing_mm
    preparation = Preparation(state, case, size, spacing_mm, int(counts[IGNORE]), tuple(found))
    write_json(_note(target, scan.name), asdict(preparation))
    return preparation


def prepared_image(grid: SliceGrid, hu: np.ndarray, window_hu: tuple[float, float]) -> np.ndarray:
    """A canonical slice (j, i) in HU as uint8 pixels."""
    box = window(hu[grid.rows, grid.columns], window_hu)[None]
    return np.rint(grid.to_pixels(box)[0] * 255).astype(np.uint8)


def prepared_labels(grid: SliceGrid, slice_labels: np.ndarray) -> np.ndarray:
    """A canonical slice (j, i) of channel numbers as uint8 pixels: in each, the number that covers most of it."""
    box = slice_labels[grid.rows, grid.columns]
    values = np.union1d(np.flatnonzero(np.bincount(box.ravel())), [0])
    cover = grid.to_pixels(np.stack([box == value for value in values]))
    cover[0] += 1e-6  # pixels past the image belong to the background
    return values.astype(np.uint8)[cover.argmax(0)]


def _resample(
    grid: SliceGrid, hu: np.ndarray, labels: np.ndarray, window_hu: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    image = np.stack([prepared_image(grid, one, window_hu) for one in hu])
    return image, np.stack([prepared_labels(grid, one) for one in labels])


def _arrays(target: Target, name: str) -> Path:
    return target.folder / f"{name}.npz"


def _note(target: Target, name: str) -> Path:
    return target.folder / f"{name}.note.json"


def _parse(note: dict) -> Preparation:
    lists: dict[str, Sequence] = {key: tuple(note[key]) for key in ("size", "spacing_mm", "doubts")}
    return Preparation(**{**note, **lists, "case": parse_entry(note["case"])})
