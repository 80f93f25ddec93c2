"""Labelled scans in nnU-Net's raw layout: which there are, and how their labels become ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.labels import Label
from MISTKDSegmentLib.volume import Volume

GEOMETRY_TOLERANCE_MM = 0.01


@dataclass(frozen=True)
class LabelledScan:
    """One labelled scan of an nnU-Net raw data set."""

    name: str
    image: Path
    label_map: Path


@dataclass(frozen=True)
class Organ:
    """One organ that both the bundle and the data set know: its label and its values in the reference."""

    label: Label
    reference_values: tuple[int, ...]


def read_dataset(folder: Path) -> dict[str, Any]:
    """Read `dataset.json` of an nnU-Net raw data set.

    Raises:
        InputError: the file is missing, is not JSON, or has no "labels" of the form name -> value.
    """
    path = folder / "dataset.json"
    try:
        dataset = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read; give --data the folder of an nnU-Net data set") from error
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); write it anew") from error
    if not isinstance(dataset, dict) or not isinstance(dataset.get("labels"), dict):
        raise InputError(f'{path} has no "labels"; add them as name -> value, as nnU-Net v2 wants them')
    return dataset


def find_cases(
    folder: Path, file_ending: str = ".nii.gz", subsets: Sequence[str] = ("Tr", "Ts")
) -> dict[str, LabelledScan]:
    """The labelled cases of an nnU-Net raw data set (training, test), by name.

    Raises:
        InputError: there are no label maps, or one has no image.
    """
    cases = {}
    for subset in subsets:
        for label_map in sorted((folder / f"labels{subset}").glob(f"*{file_ending}")):
            name = label_map.name[: -len(file_ending)]
            image = folder / f"images{subset}" / f"{name}_0000{file_ending}"
            if not image.exists():
                raise InputError(f"{label_map} has no image; put it at {image}")
            cases[name] = LabelledScan(name, image, label_map)
    if not cases:
        raise InputError(f"{folder} has no label maps; put them at labelsTr/CASE{file_ending}")
    return cases


def select_cases(cases: Mapping[str, LabelledScan], names: Sequence[str] | None) -> list[LabelledScan]:
    """The named cases in the given order, or all of them.

    Raises:
        InputError: a name is not in the data set, or no name is given.
    """
    chosen = list(dict.fromkeys(cases if names is None else names))
    unknown = [name for name in chosen if name not in cases]
    if unknown:
        raise InputError(f"no labelled case {', '.join(unknown)} in the data set; it has {listed(cases)}")
    if not chosen:
        raise InputError("the split has no validation case; name at least one")
    return [cases[name] for name in chosen]


def read_split(path: Path) -> list[str]:
    """Names of the validation cases in a split file.

    Args:
        path: JSON object with "validation" (or "val"), or nnU-Net's `splits_final.json`, whose fold 0 counts.

    Raises:
        InputError: the file cannot be read or has no such list.
    """
    try:
        split = json.loads(path.read_text(encoding="utf-8"))
        fold = split[0] if isinstance(split, list) else split
        names = fold["validation"] if "validation" in fold else fold["val"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f'{path} is no readable split; give JSON with a list "validation"') from error
    if not isinstance(names, list):
        raise InputError(f'"validation" in {path} is not a list of case names; make it one')
    return [str(name) for name in names]


def match_organs(labels: Sequence[Label], reference_labels: Mapping[str, Any]) -> list[Organ]:
    """Pair the bundle's labels with the data set's by name, whatever their values.

    Args:
        labels: labels of the bundle.
        reference_labels: "labels" of `dataset.json`: name -> value, or a list of values for a region.

    Raises:
        InputError: no name is in both, or a value is not an integer.
    """
    values = {identifier(name): value for name, value in reference_labels.items()}
    organs = [Organ(label, _values(label.name, values[identifier(label.name)]))
              for label in labels if identifier(label.name) in values]
    if not organs:
        raise InputError(f"the data set's labels ({listed(reference_labels)}) name none of the model's "
                         f"organs ({listed(label.name for label in labels)}); rename them in dataset.json")
    return organs


def check_same_grid(case: LabelledScan, volume: Volume, reference: Volume) -> None:
    """Refuse a label map that does not lie on its image's grid.

    Raises:
        InputError: shapes or positions differ.
    """
    if volume.voxels.shape != reference.voxels.shape:
        raise InputError(f"{case.label_map} has shape {reference.voxels.shape} but {case.image} has "
                         f"{volume.voxels.shape}; bring the label map to the image's grid")
    if not np.allclose(volume.ijk_to_lps, reference.ijk_to_lps, rtol=0, atol=GEOMETRY_TOLERANCE_MM):
        raise InputError(f"{case.label_map} and {case.image} differ in spacing, origin or direction; bring "
                         "the label map to the image's grid")


def identifier(name: str) -> str:
    """An organ's name without the differences in spelling that mean nothing."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _values(name: str, value: Any) -> tuple[int, ...]:
    try:
        return tuple(int(one) for one in (value if isinstance(value, list) else [value]))
    except (TypeError, ValueError) as error:
        raise InputError(f"label {name} in dataset.json has the value {value!r}; give an integer") from error


def listed(names: Iterable[str]) -> str:
    """Names for a message, at most twenty."""
    names = list(names)
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
