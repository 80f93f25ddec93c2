"""A procedural abdomen: a CT that belongs to nobody, with the labels of its eight organs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.phantom.anatomy import Paint, anatomy
from MISTKDSegmentLib.phantom.shapes import REACH_MM, Blend, Ellipsoid, LatticeNoise, smooth_min, window_of

AIR_HU, FAT_HU, MUSCLE_HU, LUNG_HU = -1000.0, -102.0, 56.0, -850.0
_Values = Union[np.ndarray, float]
_SLAB_SLICES = 8
_LOWEST_MM = -95.0
_INSET_MM = 2.0
_DOMES = Blend((Ellipsoid((-70, -14, 30), (76, 84, 100)), Ellipsoid((66, -12, 28), (72, 80, 90)),
                Ellipsoid((0, -40, 40), (80, 62, 70))), 18)


@dataclass
class _Canvas:
    """A slab while it is painted: its axes in mm, HU, labels, and the trunk's regions as signed distances."""

    axes: tuple[np.ndarray, np.ndarray, np.ndarray]
    hu: np.ndarray
    labels: np.ndarray
    regions: dict[str, np.ndarray]
    waves: LatticeNoise
    grains: LatticeNoise
    blur_mm: float


def make_phantom(*, seed: int = 0, spacing_mm: tuple[float, float, float] = (1.5, 1.5, 3.0),
                 size_mm: tuple[float, float, float] = (384.0, 288.0, 300.0),
                 noise_hu: float = 16.0) -> tuple[Volume, np.ndarray]:
    """Make a portal-venous CT of an abdomen, from the heart to the iliac crests, and its labels.

    Args:
        seed: sizes, places, bowel and noise vary with it; the same seed gives the same voxels.
        spacing_mm: voxel size along i (to the left), j (to posterior) and k (to superior).
        size_mm: field of view along i, j and k; the lowest slice stays where it is.
        noise_hu: standard deviation of the scanner's noise.

    Returns:
        The volume (int16 HU, identity direction) and uint8 labels (`ABDOMEN_LABELS`) of the same shape.
    """
    shape = tuple(max(1, round(size / spacing)) for size, spacing in zip(size_mm, spacing_mm))[::-1]
    hu, labels = np.empty(shape, np.int16), np.empty(shape, np.uint8)
    right, front = (-spacing * (count - 1) / 2 for spacing, count in zip(spacing_mm, (shape[2], shape[1])))
    origin = (right, front, _LOWEST_MM + spacing_mm[2] / 2)
    for first in range(0, shape[0], _SLAB_SLICES):
        count = min(_SLAB_SLICES, shape[0] - first)
        start = (origin[0], origin[1], origin[2] + first * spacing_mm[2])
        slab = _paint_slab(start, spacing_mm, (count, *shape[1:]), seed)
        noise = _scanner_noise(np.random.default_rng((seed, first)), slab.hu.shape) * noise_hu
        hu[first:first + count] = np.clip(np.rint(slab.hu + noise), -1024, 3071)
        labels[first:first + count] = slab.labels
    return Volume(hu, spacing_mm, origin, np.eye(3), "phantom"), labels


def _paint_slab(start: tuple[float, ...], spacing_mm: tuple[float, float, float], shape: tuple[int, ...],
                seed: int) -> _Canvas:
    # One generator per slab with the same seed: every slab sees the same patient.
    rng = np.random.default_rng(seed)
    patient = rng.uniform(0.97, 1.03, 3)
    x, y, z = (((start[n] + spacing_mm[n] * np.arange(shape[2 - n])) / patient[n]).astype(np.float32)
               for n in range(3))
    axes = x[None, None, :], y[None, :, None], z[:, None, None]
    canvas = _Canvas(axes, np.full(shape, AIR_HU, np.float32), np.zeros(shape, np.uint8), {},
                     LatticeNoise(rng, 22.0), LatticeNoise(rng, 5.0), max(1.5, 0.5 * max(spacing_mm)))
    _paint_trunk(canvas)
    moves: dict[str, np.ndarray] = {}
    for paint in anatomy(rng):
        move = moves.setdefault(paint.group, rng.uniform(-1, 1, 4) * (2.5, 2.5, 4.0, 1.0))
        _paint(canvas, paint, move)
    _paint_spine(canvas)
    return canvas


def _paint(canvas: _Canvas, paint: Paint, move: np.ndarray) -> None:
    low, high = paint.shape.bounds()
    margin = REACH_MM / 2 + paint.rough
    window = window_of(canvas.axes, low + move[:3] - margin, high + move[:3] + margin)
    if not canvas.labels[window].size:
        return
    x, y, z = canvas.axes[0][:, :, window[2]], canvas.axes[1][:, window[1]], canvas.axes[2][window[0]]
    moved = ((axis - shift).astype(np.float32) for axis, shift in zip((x, y, z), move))
    distance = paint.shape.distance(*moved) - move[3]
    if paint.rough:
        distance = distance + paint.rough * canvas.waves(x, y, z)
    if paint.within:
        distance = np.maximum(distance, canvas.regions[paint.within][window] + _INSET_MM)
    hu: _Values = paint.hu
    if paint.mottle:
        hu = hu + paint.mottle * canvas.grains(x, y, z)
    if paint.gas_above is not None:
        hu = _mix(hu, -940.0, y - paint.gas_above, canvas.blur_mm)
    if paint.wall:
        hu = _mix(paint.wall[1], hu, distance + paint.wall[0], canvas.blur_mm)
    canvas.hu[window] = _mix(canvas.hu[window], hu, distance, canvas.blur_mm)
    if not paint.keeps_label:
        canvas.labels[window][distance < 0] = paint.label


def _mix(outside: _Values, inside: _Values, distance: np.ndarray, blur_mm: float) -> np.ndarray:
    """Partial volume: a linear ramp of `blur_mm` across the border."""
    share = np.clip(0.5 - distance / blur_mm, 0, 1)
    return outside + share * (inside - outside)


def _paint_trunk(canvas: _Canvas) -> None:
    """Table, skin, fat, muscle wall with ribs, lungs, diaphragm and the fat of the abdomen."""
    x, y, z = canvas.axes

    def cover(distance: np.ndarray, hu: _Values) -> None:
        canvas.hu[...] = _mix(canvas.hu, hu, distance, canvas.blur_mm)

    grains, waves = canvas.grains(x, y, z), canvas.waves(x, y, z)
    narrowing = 1 - 0.05 * np.clip((z - 60) / 120, 0, 1)
    skin = _oval(x, y, 168 * narrowing, 116, 0)
    wall = _oval(x, y, 148 * narrowing, 99, -3) + 0.7 * waves
    cavity = _oval(x, y, 136 * narrowing, 78, -14)
    floor = (z - 52 + 0.3 * y) * 0.9
    below = smooth_min(_DOMES.distance(x, y, z), floor, 15)
    cover(np.abs(np.sqrt(x ** 2 + (y + 420) ** 2) - 555) - 1.5, 60.0)
    cover(skin, 10.0)
    cover(skin + 2.0, FAT_HU + 5 * grains)
    cover(wall, MUSCLE_HU + 6 * grains)
    cover(np.abs(_oval(x, y, 143 * narrowing, 88, -9) + 0.6 * waves) - 0.5, -30.0)
    _paint_ribs(canvas, narrowing)
    cover(cavity, MUSCLE_HU)
    cover(np.maximum(cavity + 1.5, 1.5 - below), LUNG_HU + 12 * grains)
    cover(np.maximum(cavity + 1.5, below + 2.0), FAT_HU + 7 * grains)
    canvas.regions.update(abdomen=np.maximum(cavity, below), chest=np.maximum(cavity, -below))


def _oval(x: np.ndarray, y: np.ndarray, half_width: np.ndarray, half_depth: float,
          centre_y: float) -> np.ndarray:
    """Radial distance to a superellipse with exponent 2.5 in the axial plane."""
    relative = (np.abs(x / half_width) ** 2.5 + np.abs((y - centre_y) / half_depth) ** 2.5) ** 0.4
    radius = np.sqrt(x ** 2 + (y - centre_y) ** 2)
    return radius - radius / np.maximum(relative, 1e-3)


def _paint_ribs(canvas: _Canvas, narrowing: np.ndarray) -> None:
    """Ribs are periodic in z, and descend from the spine around the chest to the costal margin."""
    x, y, z = canvas.axes
    around = np.arctan2(np.abs(x) / 142, (y + 8) / 88) / np.pi
    descent = 95 * np.sin(np.minimum(around, 0.75) * 2.1)
    height = np.mod(z + descent, 27.0) - 13.5
    across = _oval(x, y, 142 * narrowing, 86, -9)
    distance = 4.2 * (np.sqrt((height / 6.5) ** 2 + (across / 4.2) ** 2) - 1)
    margin = -40 + 190 * np.maximum(around - 0.25, 0)
    distance = np.maximum(distance, margin - z)
    inner = np.where(around < 0.72, 220.0, 95.0)
    shell = np.where(around < 0.72, 550.0, 110.0)
    hu = _mix(shell, inner, distance + 1.6, canvas.blur_mm)
    canvas.hu[...] = _mix(canvas.hu, hu, distance, canvas.blur_mm)


def _paint_spine(canvas: _Canvas) -> None:
    """Vertebrae are periodic in z too: body, disc, canal, arch, transverse and spinous processes."""
    x, y, z = canvas.axes
    depth = y - 26 - 6 * np.sin((z + 20) / 75)
    level = np.mod(z, 36.0) - 18.0
    window = window_of(canvas.axes, np.array([-70, -20, -1e4]), np.array([70, 110, 1e4]))

    def cover(distance: np.ndarray, hu: float, wall: tuple[float, float] = (0.0, 0.0)) -> None:
        inner = _mix(wall[1], hu, distance + wall[0], canvas.blur_mm) if wall[0] else hu
        canvas.hu[window] = _mix(canvas.hu[window], inner, distance, canvas.blur_mm)
        canvas.labels[window][distance < -1.0] = 0

    x, depth = x[:, :, window[2]], depth[:, window[1]]
    waist = 1 - 0.08 * np.cos(level / 18 * np.pi)
    body = 17 * (np.sqrt((x / (22 * waist)) ** 2 + (depth / (17 * waist)) ** 2) - 1)
    muscle = 24 * (np.sqrt(((np.abs(x) - 34) / 30) ** 2 + ((depth - 52) / 20) ** 2) - 1)
    cover(muscle + 0 * level, MUSCLE_HU)
    arch = np.abs(np.hypot(x / 1.25, depth - 27) - 13) - 3.5
    cover(np.maximum(arch, np.abs(level + 2) - 13), 300.0, (1.2, 600.0))
    transverse = np.hypot(depth - 28 - 0.12 * np.abs(x), level + 2) - 5
    cover(np.maximum(transverse, np.abs(np.abs(x) - 26) - 14), 220.0, (1.5, 500.0))
    spinous = np.maximum(np.abs(x) - 3.5, np.maximum(np.abs(depth - 48) - 13, np.abs(level + 6) - 11))
    cover(spinous, 260.0, (1.2, 550.0))
    cover(np.hypot(x / 1.3, depth - 26) - 8 + 0 * level, 28.0)
    cover(body + 0 * level, 75.0)
    cover(np.maximum(body, np.abs(level) - 13), 190.0, (1.8, 480.0))


def _scanner_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Gaussian noise of unit deviation, correlated over neighbouring pixels as by a reconstruction kernel."""
    noise = rng.standard_normal(shape, np.float32)
    for axis in (1, 2):
        noise = noise + 0.6 * (np.roll(noise, 1, axis) + np.roll(noise, -1, axis))
    return noise / np.float32(1 + 2 * 0.6 ** 2)
