"""Prepared cases: their voxels, unpacked once and mapped into memory."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.io.atomic import atomic_path
from Training.data.manifest import CaseEntry, Manifest, read_manifest

# The label of pixels without a valid label.
IGNORE = 255
# Beside the packed cases; may be deleted at any time.
UNPACKED = "unpacked"
ARRAYS = ("image", "labels", "organs")
MOST_OPEN_FILES = 256


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
class PreparedCase:
    """A prepared case, opened.

    Attributes:
        name: of the case.
        image: uint8 (k, j, i), 0 to 255 over the HU window.
        labels: uint8 (k, j, i), channels of the organs, 255 (`IGNORE`) where no label is valid.
        organs: bool (k, classes), which channels each slice holds.
        annotated: bool (classes,), the channels of the organs that the reference annotates; [0] is True where any is.
        pixel_spacing_mm: in-plane pixel size.
        slice_spacing_mm: distance between slices.
    """

    name: str
    image: np.ndarray | MappedArray
    labels: np.ndarray | MappedArray
    organs: np.ndarray
    annotated: np.ndarray
    pixel_spacing_mm: float
    slice_spacing_mm: float

    @property
    def is_labelled(self) -> bool:
        """True where its reference annotates any organ."""
        return bool(self.annotated.any())


def load_cases(folders: Iterable[Path], names: Sequence[str]) -> list[PreparedCase]:
    """Open prepared cases; their voxels stay on disk until they are used.

    Args:
        folders: what `prepare` wrote.
        names: cases to open, e.g. "case0010".

    Raises:
        InputError: if no folder has a case, or its file is damaged.
        OutputError: if there is no room for the unpacked voxels.
    """
    found: dict[str, PreparedCase] = {}
    for folder in folders:
        manifest = read_manifest(folder)
        found |= {entry.name: _open(folder, manifest, entry) for entry in manifest.cases if entry.name in names}
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"the prepared data sets have no case {', '.join(missing)}: check the names.")
    return [found[name] for name in names]


def _open(folder: Path, manifest: Manifest, entry: CaseEntry) -> PreparedCase:
    image, labels, organs = _unpacked(folder, entry)
    names = [label.name in entry.annotated for label in manifest.labels]
    annotated = np.array([any(names), *names])
    present = np.load(organs)[:, : len(annotated)]
    return PreparedCase(entry.name, MappedArray(image), MappedArray(labels), present, annotated,
                        manifest.pixel_spacing_mm, entry.slice_spacing_mm)


def _unpacked(folder: Path, entry: CaseEntry) -> list[Path]:
    """Files with the arrays of a case, unpacked and verified at the first use.

    Several processes may do this at the same time; each file appears whole.

    Raises:
        InputError: if NAME.npz is missing or not the file that the manifest describes.
        OutputError: if there is no room for the unpacked voxels.
    """
    # The checksum in the name keeps voxels of an earlier preparation from being taken for these.
    files = [folder / UNPACKED / f"{entry.name}.{entry.sha256[:12]}.{kind}.npy" for kind in ARRAYS]
    if not all(_is_whole(file) for file in files):
        image, labels = _read_arrays(folder / f"{entry.name}.npz", entry.sha256)
        _make_folder(files[0].parent)
        for stale in files[0].parent.glob(f"{glob.escape(entry.name)}.*.npy"):
            if stale not in files:
                stale.unlink(missing_ok=True)
        for file, array in zip(files, (image, labels, _organs(labels)), strict=True):
            with atomic_path(file) as temporary, open(temporary, "wb") as stream:
                np.save(stream, array)
    return files


def _is_whole(file: Path) -> bool:
    """Tell whether an unpacked file is as long as it says; `atomic_path` writes it whole, but disks fail."""
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
    """Values that each slice holds: bool (k, 256)."""
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
