"""Refusing geometry that no scan can have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume

# Rounded headers stay far below this; a gantry tilt of 0.1 degrees lies above it.
_TOLERANCE = 1e-3
_FINEST_MM, _COARSEST_MM = 0.05, 60.0
# Bodies are longer than that, but not wide or deep as well.
_WIDEST_MM = 2000.0


def check_spacing(path: Union[Path, str], spacing_mm: Sequence[float]) -> None:
    """Raise InputError unless every spacing is a number above zero and of a size that a CT can have."""
    if not all(math.isfinite(mm) and mm > 0 for mm in spacing_mm):
        raise InputError(f"{path} has a spacing of {format_mm(spacing_mm)} in its header, but each must be "
                         "above zero; correct the header or export the scan again.")
    if not all(_FINEST_MM <= mm <= _COARSEST_MM for mm in spacing_mm):
        raise InputError(f"{path} has a spacing of {format_mm(spacing_mm)} in its header, which no body CT has "
                         "(perhaps another unit was taken for millimetres); correct the header.")


def check_extent(path: Union[Path, str], size: Sequence[int], spacing_mm: Sequence[float]) -> None:
    """Raise InputError unless a scan is as small as a body, along its longest axis excepted.

    Args:
        path: for the message.
        size: voxels along each of three axes.
        spacing_mm: along the same axes.
    """
    extent_mm = [count * mm for count, mm in zip(size, spacing_mm)]
    if sorted(extent_mm)[1] > _WIDEST_MM:
        raise InputError(f"{path} is {format_mm(extent_mm)} large by its spacing of {format_mm(spacing_mm)}, and no "
                         "body is; correct the spacing in the header.")


def check_direction(path: Union[Path, str], direction: np.ndarray) -> None:
    """Raise InputError unless the columns of a 3 x 3 matrix are unit vectors at right angles."""
    # NaN compares as unequal, so it is refused as well.
    if not np.allclose(direction.T @ direction, np.eye(3), atol=_TOLERANCE):
        raise sheared(path)


def sheared(path: Union[Path, str]) -> InputError:
    """The error for axes that are not at right angles to each other."""
    return InputError(f"{path} has voxel axes that are not at right angles (sheared or singular direction); "
                      "resample it to a regular grid first.")


def check_geometry(name: Union[Path, str], volume: Volume) -> None:
    """Raise InputError unless spacing, extent, direction and origin of a volume are such as a scan can have."""
    check_spacing(name, volume.spacing_mm)
    check_extent(name, volume.voxels.shape[::-1], volume.spacing_mm)
    check_direction(name, volume.direction)
    if not np.isfinite(volume.origin_mm).all():
        raise InputError(f"{name} has no usable origin in its header {volume.origin_mm}; export it again.")


def format_mm(lengths_mm: Sequence[float]) -> str:
    """Lengths for people: `1.5 x 1.5 x 3 mm`."""
    return " x ".join(f"{mm:.4g}" for mm in lengths_mm) + " mm"
