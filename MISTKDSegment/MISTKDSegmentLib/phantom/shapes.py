"""Signed distances in millimetres (negative inside): ellipsoids, tubes, smooth unions; and smooth noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Distances are exact enough for painting and blending up to this far outside a shape, and only there.
REACH_MM = 10.0


class Shape(Protocol):
    """Anything that has a bounding box and a signed distance."""

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest (x, y, z) of the shape in mm."""
        ...

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance on the grid of x (1, 1, nx), y (1, ny, 1), z (nz, 1, 1): (nz, ny, nx)."""
        ...


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid, turned about z and tilted about y by degrees."""

    center: tuple[float, float, float]
    radii: tuple[float, float, float]
    turn: float = 0.0
    tilt: float = 0.0

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        center, radii = np.array(self.center), np.array(self.radii)
        reach = radii if self.turn == self.tilt == 0 else np.full(3, radii.max())
        return center - reach, center + reach

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        x, y, z = x - self.center[0], y - self.center[1], z - self.center[2]
        if self.turn:
            c, s = np.cos(np.radians(self.turn)), np.sin(np.radians(self.turn))
            x, y = c * x - s * y, s * x + c * y
        if self.tilt:
            c, s = np.cos(np.radians(self.tilt)), np.sin(np.radians(self.tilt))
            x, z = c * x - s * z, s * x + c * z
        rx, ry, rz = self.radii
        relative = np.sqrt((x / rx) ** 2 + (y / ry) ** 2 + (z / rz) ** 2)
        gradient = np.sqrt((x / rx ** 2) ** 2 + (y / ry ** 2) ** 2 + (z / rz ** 2) ** 2)
        return relative * (relative - 1) / np.maximum(gradient, 1e-6)


@dataclass(frozen=True)
class Tube:
    """A tube of changing radius along a Catmull-Rom spline; each point is (x, y, z, radius)."""

    points: tuple[tuple[float, float, float, float], ...]
    samples_per_span: int = 5

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        path = self._path()
        return (path[:, :3] - path[:, 3:]).min(0), (path[:, :3] + path[:, 3:]).max(0)

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        nearest = np.full((z.size, y.size, x.size), REACH_MM, np.float32)
        path = self._path()
        for start, end in zip(path[:-1], path[1:]):
            reach = max(start[3], end[3]) + REACH_MM
            low, high = np.minimum(start, end)[:3] - reach, np.maximum(start, end)[:3] + reach
            window = window_of((x, y, z), low, high)
            part = nearest[window]
            if part.size:
                inside = x[:, :, window[2]], y[:, window[1]], z[window[0]]
                np.minimum(part, _cone_distance(inside, start, end), out=part)
        return nearest

    def _path(self) -> np.ndarray:
        p = np.array(self.points, np.float32)
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
        t = np.linspace(0, 1, self.samples_per_span, endpoint=False, dtype=np.float32)[:, None]
        spans = [b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * b - a - 3 * c + d)))
                 for a, b, c, d in zip(p, p[1:], p[2:], p[3:])]
        return np.concatenate([*spans, p[-2:-1]])


@dataclass(frozen=True)
class Blend:
    """Shapes that flow into each other over `blend` mm."""

    shapes: tuple[Shape, ...]
    blend: float

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        lows, highs = zip(*(shape.bounds() for shape in self.shapes))
        return np.min(lows, 0) - self.blend / 4, np.max(highs, 0) + self.blend / 4

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        first, *others = (shape.distance(x, y, z) for shape in self.shapes)
        for other in others:
            first = smooth_min(first, other, self.blend)
        return first


def smooth_min(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Union of two distances with a fillet of `blend` mm (polynomial smooth minimum)."""
    near = np.maximum(blend - np.abs(a - b), 0) / blend
    return np.minimum(a, b) - near * near * (blend / 4)


def window_of(axes: tuple[np.ndarray, ...], low: np.ndarray, high: np.ndarray) -> tuple[slice, ...]:
    """Index window (k, j, i) of the grid spanned by x, y and z between two corners in mm."""
    ends = (np.searchsorted(axes[n].ravel(), (low[n], high[n])) for n in (2, 1, 0))
    return tuple(slice(int(first), int(last)) for first, last in ends)


def _cone_distance(grid: tuple[np.ndarray, ...], start: np.ndarray, end: np.ndarray) -> np.ndarray:
    x, y, z = (axis - start[n] for n, axis in enumerate(grid))
    along = end - start
    share = (x * along[0] + y * along[1] + z * along[2]) / max(float(along[:3] @ along[:3]), 1e-6)
    share = np.clip(share, 0, 1)
    offset = (x - share * along[0]) ** 2 + (y - share * along[1]) ** 2 + (z - share * along[2]) ** 2
    return np.sqrt(offset) - (start[3] + share * along[3])


class LatticeNoise:
    """Smooth random field of about unit deviation: random values every `wavelength` mm, interpolated."""

    def __init__(self, rng: np.random.Generator, wavelength: float) -> None:
        self.wavelength = wavelength
        self.values = rng.standard_normal((48, 48, 48)).astype(np.float32) * 1.7

    def __call__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The field on the grid that x, y and z span: float32 (nz, ny, nx)."""
        field = np.tensordot(self._weights(z), self.values, 1)
        field = np.matmul(self._weights(y), field)
        return np.matmul(field, self._weights(x).T)

    def _weights(self, axis: np.ndarray) -> np.ndarray:
        position = axis.ravel() / self.wavelength
        cell = np.floor(position).astype(int)
        share = position - cell
        share = share * share * (3 - 2 * share)
        weights = np.zeros((position.size, 48), np.float32)
        weights[np.arange(position.size), cell % 48] = 1 - share
        weights[np.arange(position.size), (cell + 1) % 48] = share
        return weights
