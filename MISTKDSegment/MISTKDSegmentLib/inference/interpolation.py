"""Linear interpolation along one axis, in steps so small that no BLAS starts threads of its own for them.

Those would wait for more work on the very cores that the network's threads need: a run then takes twice as long.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

_BAND = 4  # rows of a product that are worked out together


class Axis(NamedTuple):
    """Equally spaced sample positions: the first one, the distance and how many."""

    start_mm: float
    spacing_mm: float
    size: int

    @property
    def centres_mm(self) -> np.ndarray:
        return self.start_mm + self.spacing_mm * np.arange(self.size)


def triangle_weights(source: Axis, target: Axis) -> np.ndarray:
    """Linear interpolation as a matrix; widened to the target's spacing where that is coarser (antialiasing).

    Args:
        source: positions of the given samples.
        target: positions asked for.

    Returns:
        float32 array (target.size, source.size). Rows sum to 1, or are 0 for positions outside the source.
    """
    distance = np.abs(target.centres_mm[:, None] - source.centres_mm[None, :])
    reach = max(source.spacing_mm, target.spacing_mm)
    weights = np.clip(1.0 - distance / reach, 0.0, None)
    half = source.spacing_mm / 2 + 1e-6
    outside = (target.centres_mm < source.centres_mm[0] - half) | (target.centres_mm > source.centres_mm[-1] + half)
    weights[outside] = 0.0
    total = weights.sum(1, keepdims=True)
    return (weights / np.where(total > 0, total, 1.0)).astype(np.float32)


class Bands:
    """A matrix whose values lie around its diagonal, to multiply others with: zeros far off take no time.

    Args:
        weights: float32 (rows, columns).
    """

    def __init__(self, weights: np.ndarray) -> None:
        self._rows = len(weights)
        self._bands = [_band(weights, start) for start in range(0, self._rows, _BAND)]

    def __matmul__(self, matrices: np.ndarray) -> np.ndarray:
        """The product with float32 matrices (..., columns, n): float32 (..., rows, n)."""
        product = np.empty((*matrices.shape[:-2], self._rows, matrices.shape[-1]), np.float32)
        for rows, columns, weights in self._bands:
            np.matmul(weights, matrices[..., columns, :], out=product[..., rows, :])
        return product


def _band(weights: np.ndarray, start: int) -> tuple[slice, slice, np.ndarray]:
    rows = slice(start, start + _BAND)
    used = np.flatnonzero(weights[rows].any(0))
    columns = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)
    return rows, columns, np.ascontiguousarray(weights[rows, columns])


@lru_cache(maxsize=8)
def resampling(source: Axis, target: Axis) -> Bands:
    """`triangle_weights` to multiply with."""
    return Bands(triangle_weights(source, target))


class Neighbours(NamedTuple):
    """Between which two of a row of samples positions lie; past its ends, the last sample counts for both.

    Attributes:
        position: ascending, in samples from the first one.
        low, high: index of the sample before and after.
        share: float32, how much of `high` counts.
    """

    position: np.ndarray
    low: np.ndarray
    high: np.ndarray
    share: np.ndarray

    def near(self, samples: slice) -> slice:
        """The positions that depend on any of these samples."""
        start = np.searchsorted(self.position, samples.start - 1, side="right")
        stop = np.searchsorted(self.position, samples.stop, side="left")
        return slice(int(start), int(stop))


@lru_cache(maxsize=8)
def neighbours(samples: Axis, positions: Axis) -> Neighbours:
    """Where positions lie between samples."""
    position = np.clip((positions.centres_mm - samples.start_mm) / samples.spacing_mm, 0, samples.size - 1)
    low = np.clip(position.astype(int), 0, max(samples.size - 2, 0))
    return Neighbours(position, low, np.minimum(low + 1, samples.size - 1), (position - low).astype(np.float32))


def interpolate(samples: np.ndarray, rows: Neighbours, columns: Neighbours,
                box: tuple[slice, slice]) -> np.ndarray:
    """Values between samples, in a box of the positions that is not empty.

    Args:
        samples: float32 (h, w).
        rows, columns: where the positions lie between them.
        box: which positions.

    Returns:
        float32 array of the box's shape.
    """
    down, across = box
    low, high, share = rows.low[down], rows.high[down], rows.share[down, None]
    first = low[0]
    part = samples[first : high[-1] + 1]
    part = _blend(part.take(columns.low[across], 1), part.take(columns.high[across], 1), columns.share[across])
    return _blend(part.take(low - first, 0), part.take(high - first, 0), share)


def _blend(low: np.ndarray, high: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`low` where the share is 0, `high` where it is 1; made in the place of `high`."""
    high -= low
    high *= share
    high += low
    return high
