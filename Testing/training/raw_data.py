"""Made-up data sets in every layout that `prepare` reads."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS

SHAPE = (8, 60, 80)
SPACING_MM = (1.5, 1.5, 5.0)
NAMES = [label.name for label in ABDOMEN_LABELS]
# Boxes (k, j, i) with i to the patient's left, j to posterior, k to superior; none touches another.
BOXES = {
    "aorta": np.s_[0:8, 40:44, 38:42],
    "gallbladder": np.s_[3:5, 14:18, 30:34],
    "left_kidney": np.s_[1:4, 36:46, 54:62],
    "right_kidney": np.s_[1:4, 36:46, 18:26],
    "liver": np.s_[4:8, 14:28, 12:28],
    "pancreas": np.s_[3:5, 24:28, 34:50],
    "spleen": np.s_[4:7, 30:42, 60:70],
    "stomach": np.s_[4:7, 12:22, 46:58],
}
VOXELS = {name: int(np.prod([edge.stop - edge.start for edge in box])) for name, box in BOXES.items()}


def body(seed: int = 0) -> np.ndarray:
    """Air around fat and soft tissue with bone and with organs of 150 HU: int16 (k, j, i)."""
    random = np.random.default_rng(seed)
    voxels = random.integers(-1010, -990, SHAPE, dtype=np.int16)
    voxels[:, 8:52, 8:72] = random.normal(-100, 30, (8, 44, 64))
    voxels[:, 10:50, 10:70] = random.normal(40, 30, (8, 40, 60))
    voxels[:, 46:50, 36:44] = random.integers(200, 900, (8, 4, 8))
    for box in BOXES.values():
        voxels[box] = 150
    return voxels


def reference(values: dict[str, int]) -> np.ndarray:
    """Labels of the boxes: uint8 (k, j, i)."""
    labels = np.zeros(SHAPE, np.uint8)
    for name, value in values.items():
        labels[BOXES[name]] = value
    return labels


def write(path: Path, voxels: np.ndarray, *, spacing_mm=SPACING_MM, origin_mm=(0.0, 0.0, 0.0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing_mm)
    image.SetOrigin(origin_mm)
    sitk.WriteImage(image, str(path))
    return path


def ours() -> dict[str, int]:
    return {label.name: label.value for label in ABDOMEN_LABELS}


def nnunet(folder: Path, *cases: str, values=None, declared=None, ending=".nii.gz", **description) -> Path:
    """nnU-Net v2; `values` is name -> value of the boxes, `declared` the "labels" of the description."""
    values = ours() if values is None else values
    for seed, case in enumerate(cases):
        write(folder / "imagesTr" / f"{case}_0000{ending}", body(seed))
        write(folder / "labelsTr" / f"{case}{ending}", reference(values))
    labels = {"background": 0} | values if declared is None else declared
    (folder / "dataset.json").write_text(json.dumps({"labels": labels, "file_ending": ending} | description))
    return folder


BTCV_VALUES = {"spleen": 1, "right_kidney": 2, "left_kidney": 3, "gallbladder": 4, "liver": 6, "stomach": 7,
               "aorta": 8, "pancreas": 11}


def btcv(folder: Path, numbers=(1,), *, images="Training/img", labels="Training/label") -> Path:
    for number in numbers:
        write(folder / images / f"img{number:04d}.nii.gz", body(number))
        write(folder / labels / f"label{number:04d}.nii.gz", reference(BTCV_VALUES))
    return folder


def transunet(folder: Path, case="case0005", *, test_case=None, voxels=None, labels=None) -> Path:
    """Arrays of a slice run i, j: transposed against a volume's (k, j, i)."""
    voxels = body() if voxels is None else voxels
    labels = reference(ours()) if labels is None else labels
    image = (np.clip(voxels, -125, 275).astype(np.float32) + 125) / 400
    (folder / "train_npz").mkdir(parents=True, exist_ok=True)
    for k in range(len(image)):
        np.savez(folder / "train_npz" / f"{case}_slice{k:03d}.npz", image=image[k].T, label=labels[k].T)
    if test_case:
        (folder / "test_vol_h5").mkdir(exist_ok=True)
        with h5py.File(folder / "test_vol_h5" / f"{test_case}.npy.h5", "w") as file:
            file["image"], file["label"] = image.transpose(0, 2, 1), labels.transpose(0, 2, 1)
    return folder


MASK_NAMES = {name: name for name in NAMES} | {"left_kidney": "kidney_left", "right_kidney": "kidney_right"}


def totalsegmentator(folder: Path, *cases: str, missing=()) -> Path:
    for seed, case in enumerate(cases):
        write(folder / case / "ct.nii.gz", body(seed))
        for name in set(NAMES) - set(missing):
            write(folder / case / "segmentations" / f"{MASK_NAMES[name]}.nii.gz", reference({name: 1}))
    (folder / "meta.csv").write_text("image_id;age\n")
    return folder
