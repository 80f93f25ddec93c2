"""Scans that are in memory already: SimpleITK images and volumes, checked as strictly as files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.checks import check_geometry
from MISTKDSegmentLib.geometry.sitk_image import to_volume
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.hu_checks import check_scan

_NAME = "The image"


def volume_of_image(image: sitk.Image) -> Volume:
    """A SimpleITK image as a CT scan.

    Args:
        image: 3-D, one value per voxel, in HU; a fourth axis may have one element.

    Raises:
        InputError: it is no such image, its geometry cannot be used, or no CT has such values.
    """
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise InputError(f"{_NAME} has {image.GetNumberOfComponentsPerPixel()} values per voxel (colour, vector or "
                         "complex), not one; pass the CT itself.")
    size = image.GetSize()
    if len(size) < 3 or max(size[3:], default=1) > 1:
        raise InputError(f"{_NAME} is {len(size)}-D (sizes {size}), a CT is 3-D; pass one volume.")
    return checked_volume(to_volume(image[(slice(None),) * 3 + (0,) * (len(size) - 3)], "volume"), _NAME)


def checked_volume(volume: Volume, name: str = "") -> Volume:
    """A volume, unless it is no CT in HU.

    Args:
        volume: voxels (k, j, i).
        name: for messages; by default the volume's.

    Raises:
        InputError: it is no volume, its geometry cannot be used, or no CT has such values.
    """
    if not isinstance(volume, Volume):
        raise InputError(f"A {type(volume).__name__} does not say where its voxels lie; pass a path, a SimpleITK "
                         "image or a Volume (MISTKDSegmentLib.geometry.volume).")
    name = name or volume.name
    voxels, direction = np.asarray(volume.voxels), np.asarray(volume.direction, float)
    if voxels.ndim != 3 or voxels.dtype.kind not in "iuf" or direction.shape != (3, 3):
        raise InputError(f"{name} has voxels of shape {voxels.shape} and type {voxels.dtype}, and a direction of "
                         f"shape {direction.shape}; give numbers (k, j, i) and a 3 x 3 matrix.")
    volume = replace(volume, voxels=voxels, direction=direction)
    check_geometry(name, volume)
    check_scan(name, volume)
    return volume
