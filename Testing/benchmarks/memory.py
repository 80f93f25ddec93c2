"""Memory of programs that were started here, over time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import psutil


class Sample(NamedTuple):
    """Memory at a time.

    Attributes:
        seconds: since the start.
        megabytes: of all programs together, in 1e6 bytes; what several share is counted in each.
    """

    seconds: float
    megabytes: float


def memory_mb() -> float:
    """Resident memory of all that this process has started, and of what they have started in turn."""
    total = 0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += child.memory_info().rss
    return total / 1e6


def largest_by_third(samples: Sequence[Sample]) -> tuple[float, float, float]:
    """Largest memory in the first, second and last third of the time.

    Raises:
        RuntimeError: there are too few samples.

    Examples:
        >>> largest_by_third([Sample(1.0, 50.0), Sample(2.0, 70.0), Sample(5.0, 60.0), Sample(9.0, 65.0)])
        (70.0, 60.0, 65.0)
    """
    third = samples[-1].seconds / 3 if samples else 0.0
    parts = [[one.megabytes for one in samples if third and min(2, int(one.seconds // third)) == number]
             for number in range(3)]
    if not all(parts):
        raise RuntimeError("The run was over before its memory was seen in each third of it: use more scans.")
    first, second, last = map(max, parts)
    return first, second, last
