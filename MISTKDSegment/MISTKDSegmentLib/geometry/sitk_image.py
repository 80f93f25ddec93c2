"""Volumes as SimpleITK images and back."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.geometry.volume import Volume


def to_image(volume: Volume) -> sitk.Image:
    """The volume as an ITK image: a copy."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels))
    image.SetSpacing([float(mm) for mm in volume.spacing_mm])
    image.SetOrigin([float(mm) for mm in volume.origin_mm])
    image.SetDirection(np.asarray(volume.direction, float).ravel().tolist())
    return image


def to_volume(image: sitk.Image, name: str) -> Volume:
    """A 3-D scalar ITK image as a volume: a copy."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return Volume(sitk.GetArrayFromImage(image), image.GetSpacing(), image.GetOrigin(), direction, name)
