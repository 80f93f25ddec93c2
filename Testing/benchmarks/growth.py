"""How the time grows with slices, with pixels and with threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.bundle import Bundle
from Testing.benchmarks.clock import best
from Testing.benchmarks.scans import labels_of, with_pixels, with_slices

SLICES = {False: (50, 150, 300, 600, 1000, 2000), True: (25, 75, 150)}
PIXELS = {False: (256, 512, 1024), True: (128, 256, 512)}
MOST_THREADS = 8
COLOR = "#2563a8"


class Growth(NamedTuple):
    """Points of three curves, each (number, seconds from the array to its labels)."""

    slices: list[tuple[int, float]]
    pixels: list[tuple[int, float]]
    threads: list[tuple[int, float]]


def measure_growth(volume: Volume, bundle: Bundle, quick: bool, times: int) -> Growth:
    """Segment scans of other sizes and with other numbers of threads."""
    def seconds(scan: Volume, threads: int = 0) -> float:
        return best(lambda: labels_of(scan, bundle, threads=threads), times)[0]

    return Growth([(n, seconds(with_slices(volume, n))) for n in SLICES[quick]],
                  [(n, seconds(with_pixels(volume, n))) for n in PIXELS[quick]],
                  [(n, seconds(volume, n)) for n in thread_counts(os.cpu_count() or 1)])


def thread_counts(cores: int) -> list[int]:
    """1, 2, 4 and 8 threads, as far as there are cores.

    Examples:
        >>> thread_counts(6)
        [1, 2, 4]
    """
    return [n for n in (1, 2, 4, MOST_THREADS) if n <= cores]


def draw_growth(growth: Growth, path: Path) -> None:
    """Write the curves as a picture."""
    figure = Figure(figsize=(9.0, 2.9), dpi=80, layout="constrained")
    axes = figure.subplots(1, 3)
    for axis, points, what in zip(axes, growth, ("slices", "pixels along each side", "threads")):
        _draw(axis, points)
        axis.set_xlabel(what)
    axes[0].set_ylabel("array to labels, s")
    figure.savefig(path)


def _draw(axis: object, points: Sequence[tuple[int, float]]) -> None:
    numbers, seconds = zip(*points)
    axis.plot(numbers, seconds, "o-", color=COLOR, linewidth=1.5, markersize=4)
    axis.set_xlim(0, numbers[-1] * 1.08)
    axis.set_ylim(0, max(seconds) * 1.1)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.grid(color="#dddddd")
    axis.spines[["top", "right"]].set_visible(False)
