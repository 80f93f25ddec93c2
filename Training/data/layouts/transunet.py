"""TransUNet's preprocessed Synapse: slices in train_npz, volumes in test_vol_h5."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import h5py
import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Training.data.label_roles import ValueTable, value_table
from Training.data.layouts.base import DatasetRequest, by_name
from Training.data.scans import Dataset, Scan
from Training.system.files import read_yaml
from Training.system.words import listed

NAME = "transunet"
WHAT = "train_npz/case0005_slice000.npz and test_vol_h5/case0001.npy.h5 (TransUNet's Synapse)"
WINDOW_HU = (-125.0, 275.0)
SPACINGS = Path(__file__).parent / "synapse_spacing_mm.yaml"
_FOLDERS = (".", "train_npz", "test_vol_h5")
_SLICE = re.compile(r"(?P<case>.+)_slice(?P<number>\d+)\.npz")
_VOLUME_ENDING = ".npy.h5"
_ROUNDING = 1e-3


@dataclass(frozen=True, kw_only=True)
class ArrayScan(Scan):
    """A scan without geometry: axis 0 of a slice runs to the patient's left, axis 1 to posterior, slices upwards.

    Attributes:
        spacing_mm: (i, j, k); None where nobody has told.
        table: what its label values become.
    """

    spacing_mm: tuple[float, float, float] | None
    table: ValueTable

    @property
    def settings(self) -> tuple[object, ...]:
        return (self.annotated, self.table, self.spacing_mm)

    def check_layout(self) -> None:
        if self.spacing_mm is None:
            raise InputError(f"the voxel spacing of {self.name} is not known and not in its files; give a YAML file "
                             f'with "{self.name}: [i, j, k]" in mm as spacing.')
        numbers = [int(match["number"]) for path in self.files if (match := _SLICE.fullmatch(path.name))]
        gaps = sorted(set(range(len(numbers))) - set(numbers))
        if gaps:
            raise InputError(f"{self.image.parent} lacks slice {listed(map(str, gaps))} of {self.name}; copy it anew.")

    def read_volume(self) -> Volume:
        self.check_layout()
        assert self.spacing_mm is not None
        values = self._array("image").astype(np.float32)
        if not (np.isfinite(values).all() and values.min() >= -_ROUNDING and values.max() <= 1 + _ROUNDING):
            raise InputError(f"{self.image} has values outside 0 to 1, where TransUNet's preprocessing puts the "
                             f"window from {WINDOW_HU[0]:g} to {WINDOW_HU[1]:g} HU; preprocess it so.")
        hu = WINDOW_HU[0] + np.float32(WINDOW_HU[1] - WINDOW_HU[0]) * values
        return Volume(hu, self.spacing_mm, (0.0, 0.0, 0.0), np.eye(3), self.name)

    def read_reference(self, volume: Volume) -> np.ndarray:
        values = self._array("label")
        if values.shape != volume.voxels.shape:
            raise InputError(f"{self.image} has labels of shape {values.shape} but an image of {volume.voxels.shape}; "
                             "copy it again.")
        labels = values.astype(np.uint8)
        if not np.array_equal(labels, values):
            raise InputError(f"{self.image} has labels that are no integers from 0 to 255; copy it again.")
        return self.table.apply(labels, volume, self.image)

    def _array(self, kind: str) -> np.ndarray:
        """"image" or "label", (k, j, i)."""
        try:
            if self.image.name.endswith(_VOLUME_ENDING):
                with h5py.File(self.image) as file:
                    return np.asarray(file[kind]).transpose(0, 2, 1)
            return np.stack([_npz(path, kind).T for path in self.files])
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{self.image} holds no {kind} of {self.name} ({reason}); copy it again.") from error


def matches(folder: Path) -> bool:
    """Tell whether a folder looks like this layout."""
    return any(True for _ in _cases(folder))


def read(folder: Path, request: DatasetRequest) -> Dataset:
    """Read the data set; scans in test_vol_h5 are its test cases.

    Raises:
        InputError: the file of spacings cannot be used, or no organ comes of the labels.
    """
    theirs = {"background": (0,)} | {label.name: (label.value,) for label in ABDOMEN_LABELS}
    table = value_table(request.organs, theirs, request.label_map, folder)
    spacings = read_spacings(SPACINGS) | (read_spacings(request.spacing) if request.spacing else {})
    scans = [
        ArrayScan(name=name, image=files[0], files=files, annotated=table.annotated, spacing_mm=spacings.get(name),
                  table=table, is_test=files[0].parent.name == "test_vol_h5")
        for name, files in _cases(folder)
    ]
    return Dataset(folder, NAME, "BTCV / Synapse syn3193805, as TransUNet preprocessed it",
                   "research only, no redistribution", by_name(scans, folder), table.unused)


def read_spacings(path: Path) -> dict[str, tuple[float, float, float]]:
    """Read voxel spacings: YAML, case -> [i, j, k] in mm.

    Raises:
        InputError: the file cannot be read or says something else.
    """
    content = read_yaml(path)
    if not isinstance(content, Mapping):
        raise InputError(f"{path} is no table of spacings; write case: [i, j, k] in mm.")
    return {str(case): _spacing(case, value, path) for case, value in content.items()}


def _spacing(case: str, value: object, path: Path) -> tuple[float, float, float]:
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 3 or not all(isinstance(n, (int, float)) and 0 < n < 100 for n in numbers):
        raise InputError(f"{path} has {value!r} as the spacing of {case}; give three numbers in mm, [i, j, k].")
    i, j, k = (float(number) for number in numbers)
    return i, j, k


def _cases(folder: Path) -> Iterator[tuple[str, tuple[Path, ...]]]:
    for parent in (root / sub for root in (folder, folder / "Synapse") for sub in _FOLDERS):
        slices: dict[str, list[tuple[int, Path]]] = defaultdict(list)
        for path in sorted(parent.iterdir()) if parent.is_dir() else []:
            if match := _SLICE.fullmatch(path.name):
                slices[match["case"]].append((int(match["number"]), path))
            elif path.name.endswith(_VOLUME_ENDING) and not path.name.startswith("."):
                yield path.name.removesuffix(_VOLUME_ENDING), (path,)
        for case, numbered in slices.items():
            yield case, tuple(path for _, path in sorted(numbered))


def _npz(path: Path, kind: str) -> np.ndarray:
    with np.load(path) as arrays:
        return arrays[kind]
