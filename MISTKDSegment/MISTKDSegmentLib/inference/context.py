"""Which slices a network sees beside the one that it segments."""

from __future__ import annotations

from collections.abc import Sequence


def context_indices(k: int, slices: int, slice_spacing_mm: float, offsets_mm: Sequence[float]) -> list[int]:
    """The slices nearest to given distances from slice k; at the ends, and in a lone slice, the nearest there is.

    Args:
        k: the slice to segment, 0 to slices - 1.
        slices: how many there are.
        slice_spacing_mm: distance between neighbours.
        offsets_mm: distances to look at, e.g. (-5, 0, 5); negative is inferior.

    Returns:
        One index per offset.

    Examples:
        >>> context_indices(10, 100, 3.0, (-5, 0, 5))
        [8, 10, 12]
        >>> context_indices(0, 1, 3.0, (-5, 0, 5))
        [0, 0, 0]
    """
    wanted = (k + int(round(offset / slice_spacing_mm)) for offset in offsets_mm)
    return [min(max(index, 0), slices - 1) for index in wanted]
