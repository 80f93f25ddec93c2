"""Which slices of a scan the network sees, and how."""

from __future__ import annotations

from typing import Optional

import numpy as np

from MISTKDSegmentLib.geometry.canonical_frame import CanonicalFrame
from MISTKDSegmentLib.inference.context import context_indices
from MISTKDSegmentLib.inference.no_data import AIR_HU, find_no_data
from MISTKDSegmentLib.inference.preprocess import slice_grid, window
from MISTKDSegmentLib.model.bundle import Bundle


class NetworkSlices:
    """Network pixels of slices with those around them, each resampled once if they are asked for in ascending order.

    Args:
        frame: the scan.
        bundle: the model.

    Attributes:
        frame: the scan.
        grid: how the network's pixels lie over its slices.
    """

    def __init__(self, frame: CanonicalFrame, bundle: Bundle) -> None:
        self.frame, self._volume, self._input = frame, frame.volume, bundle.input
        self.grid = slice_grid(frame.volume, bundle.input.pixel_spacing_mm, bundle.input.multiple)
        # What lies below fat looks like air to the network, whatever it is.
        self._no_data = find_no_data(frame.volume, bundle.input.window_hu[0])
        self._pixels: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._volume.voxels)

    def with_context(self, k: int) -> np.ndarray:
        """Slice k and its context: float32 (context, height, width)."""
        wanted = context_indices(k, len(self), self._volume.spacing_mm[2], self._input.context_offsets_mm)
        self._pixels = {index: pixels for index, pixels in self._pixels.items() if index >= min(wanted)}
        for index in wanted:
            if index not in self._pixels:
                pixels = window(self._hu(index), self._input.window_hu)
                self._pixels[index] = self.grid.to_pixels(pixels[None])[0]
        return np.stack([self._pixels[index] for index in wanted])

    def without_data(self, k: int) -> Optional[np.ndarray]:
        """Where in the grid's box of slice k there is no data: bool (rows, columns), or None for nowhere."""
        return self._no_data.in_slice(k, (self.grid.rows, self.grid.columns))

    def _hu(self, k: int) -> np.ndarray:
        hu, empty = self._volume.voxels[k, self.grid.rows, self.grid.columns], self.without_data(k)
        return hu if empty is None else np.where(empty, hu.dtype.type(AIR_HU), hu)


def slices_to_run(ks: range, spacing_mm: float, step_mm: float) -> list[int]:
    """Every slice where they are thick, every n-th where they are thin; always the first and the last.

    Examples:
        >>> slices_to_run(range(5), 5.0, 3.0)
        [0, 1, 2, 3, 4]
        >>> slices_to_run(range(8), 1.0, 3.0)
        [0, 3, 6, 7]
        >>> slices_to_run(range(4, 4), 1.0, 3.0)
        []
    """
    step = max(1, int(min(step_mm / spacing_mm, 1e6) + 1e-6))
    run = list(ks[::step])
    return run if not run or run[-1] == ks[-1] else [*run, ks[-1]]
