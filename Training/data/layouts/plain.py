"""A folder of scans that nobody has labelled: volume files and DICOM series."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from Training.data.layouts.base import NO_LICENCE, DatasetRequest, FileScan, by_name, volumes_in
from Training.data.scans import Dataset

NAME = "scans"
WHAT = "volume files and DICOM series folders without labels"
_MAX_DEPTH = 3  # patient, study, series
_LOOKED_AT = 5


def matches(folder: Path) -> bool:
    """Tell whether a folder looks like this layout."""
    return bool(volumes_in(folder)) or any(True for _ in _series(folder))


def read(folder: Path, request: DatasetRequest) -> Dataset:
    """Read the data set: every volume file in the folder and every DICOM series in it or below it.

    Raises:
        InputError: there are no scans, or two have one name.
    """
    scans = [FileScan(name=name, image=path, files=(path,)) for name, path in volumes_in(folder).items()]
    for series in _series(folder):
        name = "_".join(series.relative_to(folder).parts) or series.resolve().name
        scans.append(FileScan(name=name, image=series, files=tuple(_files(series))))
    return Dataset(folder, NAME, folder.resolve().name, NO_LICENCE, by_name(scans, folder))


def _series(folder: Path) -> Iterator[Path]:
    """The folders that hold DICOM files themselves."""
    for root, folders, _ in os.walk(folder):
        folders.sort()
        if len(Path(root).relative_to(folder).parts) >= _MAX_DEPTH:
            folders.clear()
        if any(_is_dicom(path) for path in _files(Path(root))[:_LOOKED_AT]):
            yield Path(root)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _is_dicom(path: Path) -> bool:
    if path.suffix.lower() in (".dcm", ".ima"):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
