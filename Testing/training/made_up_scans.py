"""Made-up labelled scans whose organs are painted in HU, and a "model" that finds exactly what is painted."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Training.data.scans import Scan

AORTA, LIVER, SPLEEN = (next(label for label in ABDOMEN_LABELS if label.name == name)
                        for name in ("aorta", "liver", "spleen"))
SPACING_MM = (0.5, 2.0, 5.0)
AORTA_HU, LIVER_HU = 300, 110
AORTA_BOX = np.s_[0:4, 10:12, 10:12]
LIVER_BOX = np.s_[0:4, 4:8, 4:8]
LIVER_NEXT_SLICE = np.s_[1:5, 4:8, 4:8]


def made_up_voxels():
    """Air around a body of 40 HU between two layers of fat, with noise, shape (6, 20, 24)."""
    voxels = np.full((6, 20, 24), -1000, np.int16)
    voxels[:, 3:17, 3:21] = 40
    voxels[:, [3, 16], 3:21] = -150
    voxels[:, 3:17, 3:21] += np.random.default_rng(0).integers(-20, 20, (6, 14, 18), np.int16)
    return voxels


def painted(shape, boxes):
    """Labels: value -> box."""
    labels = np.zeros(shape, np.uint8)
    for value, box in boxes.items():
        labels[box] = value
    return labels


@dataclass(frozen=True, kw_only=True)
class MadeUpScan(Scan):
    """A scan in memory: `found` HU -> box that the "model" finds, `real` channel -> box in the reference."""

    image: Path = Path("made_up.nii.gz")
    files: tuple[Path, ...] = ()
    found: dict = field(default_factory=dict)
    real: dict = field(default_factory=dict)

    def read_volume(self):
        voxels = made_up_voxels()
        for hu, box in self.found.items():
            voxels[box] = hu
        return Volume(voxels, SPACING_MM, (0.0, 0.0, 0.0), np.eye(3), self.name)

    def read_reference(self, volume):
        return painted(volume.voxels.shape, self.real)


def segment_by_hu(volume, bundle, out, *_):
    """The "model": one label per painted HU, in two steps of progress."""
    slices = len(out)
    yield SimpleNamespace(slices_done=slices // 2, slices_total=slices)
    out[volume.voxels == AORTA_HU] = AORTA.value
    out[volume.voxels == LIVER_HU] = LIVER.value
    yield SimpleNamespace(slices_done=slices, slices_total=slices)


def write_nifti(path, voxels, spacing_mm=SPACING_MM):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing_mm)
    sitk.WriteImage(image, str(path))


def add_case(folder, name, *, found, real, spacing_mm=SPACING_MM):
    """Write a case of an nnU-Net data set: `found` HU -> box, `real` value -> box."""
    voxels = made_up_voxels()
    for hu, box in found.items():
        voxels[box] = hu
    write_nifti(folder / "imagesTr" / f"{name}_0000.nii.gz", voxels, spacing_mm)
    write_nifti(folder / "labelsTr" / f"{name}.nii.gz", painted(voxels.shape, real), spacing_mm)


def write_dataset_json(folder, **labels):
    folder.mkdir(parents=True, exist_ok=True)
    dataset = {"channel_names": {"0": "CT"}, "labels": {"background": 0, **labels}, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(dataset))
