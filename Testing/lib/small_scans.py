"""Scans of a few voxels that the tiny model of conftest.py segments: files, DICOM series and trees of them."""

import numpy as np
import SimpleITK as sitk

from Testing.lib.dicom_files import write_slice

LIVER_VOXELS = 6 * 8 * 4
PATIENT = {"0010|0020": "SECRET-ID", "0008|1030": "SECRET STUDY", "0008|103e": "SECRET SERIES",
           "0008|0080": "SECRET HOSPITAL", "0020|0052": "1.2.826.0.1.3680043.2.1125.1.77"}


def body():
    """24 x 24 x 8 voxels: fat in air, and 6 x 8 x 4 voxels of 150 HU in it, which the tiny model calls liver."""
    hu = np.full((8, 24, 24), -1000, np.int16)
    hu[:, 2:22, 2:22] = -100
    hu[2:6, 4:12, 4:10] = 150
    return hu


def write_volume(path, hu=None):
    """A volume file of 2 x 2 x 5 mm, so that the liver has 192 voxels or 3.84 mL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(body() if hu is None else hu)
    image.SetSpacing((2.0, 2.0, 5.0))
    sitk.WriteImage(image, str(path))
    return path


def write_ct_series(folder, number=1, slices=8, **options):
    """The same as DICOM; several series may share a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {**PATIENT, "spacing": (2.0, 2.0), **options}
    for k, values in enumerate(body()[:slices]):
        write_slice(folder / f"s{number}-{k}.dcm", k, (0, 0, 5.0 * k), series=number, values=values, **options)
    return folder
