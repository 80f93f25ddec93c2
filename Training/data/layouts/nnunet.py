"""nnU-Net raw data sets (version 1 and 2) and those of the Medical Segmentation Decathlon."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.errors import InputError
from Training.data.label_map import identifier
from Training.data.label_roles import ValueTable, value_table
from Training.data.layouts.base import ENDINGS, NO_LICENCE, DatasetRequest, FileScan, by_name, volumes_in
from Training.data.scans import Dataset, Scan
from Training.system.words import listed

NAME = "nnunet"
SUBSETS = ("Tr", "Va", "Ts")  # training, validation (AMOS), test
WHAT = "dataset.json with imagesTr/NAME_0000.nii.gz and labelsTr/NAME.nii.gz (nnU-Net raw, Decathlon)"


def matches(folder: Path) -> bool:
    """Tell whether a folder looks like this layout."""
    return (folder / "dataset.json").is_file() or (folder / "imagesTr").is_dir()


def read(folder: Path, request: DatasetRequest) -> Dataset:
    """Read the data set: training and test cases, those without a label map unlabelled.

    Raises:
        InputError: `dataset.json` cannot be used, a label map has no image, or no organ comes of the labels.
    """
    description = read_description(folder)
    scans = by_name((scan for subset in SUBSETS for scan in _scans(folder, subset, description, request)), folder)
    tables = [scan.table for scan in scans.values() if isinstance(scan, FileScan) and scan.table is not None]
    return Dataset(
        folder,
        NAME,
        str(description.get("reference") or description.get("name") or folder.resolve().name),
        str(description.get("licence") or description.get("license") or NO_LICENCE),
        scans,
        tables[0].unused if tables else (),
    )


def read_description(folder: Path) -> dict[str, Any]:
    """Read `dataset.json`.

    Raises:
        InputError: the file is missing, is not JSON, or has no "labels".
    """
    path = folder / "dataset.json"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read; give the folder of an nnU-Net data set.") from error
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); write it anew.") from error
    if not isinstance(description, dict) or not isinstance(description.get("labels"), dict):
        raise InputError(f'{path} has no "labels"; add them as name -> value, as nnU-Net v2 wants them.')
    return description


def label_values(labels: Mapping[str, Any], path: Path) -> dict[str, tuple[int, ...]]:
    """The labels of a `dataset.json` as name -> values.

    Args:
        labels: name -> value or list of values (nnU-Net v2), or value -> name (nnU-Net v1, Decathlon).
        path: of the file, for messages.

    Raises:
        InputError: a value is no integer from 0 to 255.
    """
    pairs = [(name, key) if key.strip().isdigit() and isinstance(name, str) and not name.strip().isdigit()
             else (key, name) for key, name in labels.items()]
    return {str(name): _integers(name, value, path) for name, value in pairs}


def _scans(folder: Path, subset: str, description: Mapping[str, Any], request: DatasetRequest) -> Iterator[Scan]:
    endings = _endings(description, folder)
    images = volumes_in(folder / f"images{subset}", endings)
    references = volumes_in(folder / f"labels{subset}", endings)
    channel = _channel(description, folder)
    table = _table(folder, description, request) if references else None
    for name, path in references.items():
        image = images.pop(f"{name}{channel}", None) or images.pop(name, None)
        if image is None:
            missing = folder / f"images{subset}" / f"{name}{channel}{endings[0]}"
            raise InputError(f"{path} has no image; put it at {missing}.")
        assert table is not None
        yield FileScan(name=name, image=image, files=(image, path), annotated=table.annotated, is_test=subset == "Ts",
                       label_map=path, table=table)
    for name, image in _unlabelled(images, set(references), channel):
        yield FileScan(name=name, image=image, files=(image,))


def _unlabelled(images: Mapping[str, Path], labelled: set[str], channel: str) -> Iterator[tuple[str, Path]]:
    """Images without a label map, but for the further channels of one case."""
    cases = labelled | {name.removesuffix(channel) for name in images if name.endswith(channel)}
    for name, image in images.items():
        if name.endswith(channel):
            yield name.removesuffix(channel), image
        elif not (name[-5:-4] == "_" and name[-4:].isdigit() and name[:-5] in cases):
            yield name, image


def _table(folder: Path, description: Mapping[str, Any], request: DatasetRequest) -> ValueTable:
    path = folder / "dataset.json"
    return value_table(request.organs, label_values(description["labels"], path), request.label_map, path)


def _endings(description: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    ending = description.get("file_ending")
    if ending is None:
        return ENDINGS
    if ending not in ENDINGS:
        raise InputError(f"{folder / 'dataset.json'} has the file ending {ending}; convert the files to one of "
                         f"{listed(ENDINGS)}.")
    return (str(ending),)


def _channel(description: Mapping[str, Any], folder: Path) -> str:
    """End of the names of the CT's files: "_0000", or the number of the channel called CT among several."""
    channels = description.get("channel_names") or description.get("modality") or {}
    if not isinstance(channels, dict) or len(channels) < 2:
        return "_0000"
    for number, name in channels.items():
        if identifier(str(name)) == "ct" and str(number).isdigit():
            return f"_{int(number):04d}"
    raise InputError(f"{folder / 'dataset.json'} has the channels {listed(map(str, channels.values()))}; "
                     "name the one that is CT so.")


def _integers(name: str, value: Any, path: Path) -> tuple[int, ...]:
    try:
        values = tuple(int(one) for one in (value if isinstance(value, list) else [value]))
    except (TypeError, ValueError) as error:
        raise InputError(f"label {name} in {path} has the value {value!r}; give an integer.") from error
    if not all(0 <= one <= 255 for one in values):
        raise InputError(f"label {name} in {path} has the value {value!r}; give one from 0 to 255.")
    return values
