"""BTCV/Synapse as it is distributed: imgNNNN.nii.gz and labelNNNN.nii.gz with thirteen organs."""

from __future__ import annotations

import re
from pathlib import Path

from MISTKDSegmentLib.errors import InputError
from Training.data.label_roles import value_table
from Training.data.layouts.base import DatasetRequest, FileScan, by_name, volumes_in
from Training.data.scans import Dataset

NAME = "btcv"
WHAT = "img0001.nii.gz and label0001.nii.gz, e.g. in Training/img and Training/label (BTCV/Synapse)"
# As the challenge numbers them (Synapse syn3193805): the patient's right kidney comes before the left one.
LABELS = ("background", "spleen", "right_kidney", "left_kidney", "gallbladder", "esophagus", "liver", "stomach",
          "aorta", "inferior_vena_cava", "portal_and_splenic_vein", "pancreas", "right_adrenal_gland",
          "left_adrenal_gland")
_FOLDERS = (".", "img", "label", "Training", "Testing", "Training/img", "Training/label", "Testing/img",
            "averaged-training-images", "averaged-training-labels", "averaged-testing-images")
_FILE = re.compile(r"(img|label)(\d{4})")


def matches(folder: Path) -> bool:
    """Tell whether a folder looks like this layout."""
    return bool(_files(folder, "img"))


def read(folder: Path, request: DatasetRequest) -> Dataset:
    """Read the data set; cases are named as in the published split, e.g. "case0005" for img0005.

    Raises:
        InputError: a label map has no image, or no organ comes of the labels.
    """
    images, label_maps = _files(folder, "img"), _files(folder, "label")
    orphans = sorted(set(label_maps) - set(images))
    if orphans:
        raise InputError(f"{label_maps[orphans[0]]} has no image; put img{orphans[0]} beside it.")
    theirs = {name: (value,) for value, name in enumerate(LABELS)}
    table = value_table(request.organs, theirs, request.label_map, folder)
    scans = [
        FileScan(name=f"case{number}", image=image, files=(image, label_maps[number]), annotated=table.annotated,
                 label_map=label_maps[number], table=table)
        if number in label_maps else FileScan(name=f"case{number}", image=image, files=(image,))
        for number, image in images.items()
    ]
    return Dataset(folder, NAME, "BTCV / Synapse syn3193805", "research only, no redistribution",
                   by_name(scans, folder), table.unused if label_maps else ())


def _files(folder: Path, kind: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for root in (folder, folder / "RawData"):
        for name, path in (entry for sub in _FOLDERS for entry in volumes_in(root / sub).items()):
            match = _FILE.fullmatch(name)
            if match is None or match[1] != kind:
                continue
            if match[2] in found:
                raise InputError(f"{path} and {found[match[2]]} have one number; remove one of them.")
            found[match[2]] = path
    return found
