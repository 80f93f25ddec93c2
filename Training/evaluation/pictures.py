"""Pictures for people who would rather look: learning curves and example slices."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.labels import Label
from Training.data.prepared import IGNORE
from Training.data.slice_dataset import SliceDataset
from Training.system.words import spaced

CURVES = "curves.png"
OPACITY = 0.45

Curves = dict[str, list[tuple[int, float]]]


def telling_slices(dataset: SliceDataset) -> list[int]:
    """Places of the slices with most organs, one of each case."""
    organs = dataset.organs()[:, 1:].sum(1)
    best: dict[int, int] = {}
    for place, count in enumerate(organs):
        case = dataset.locate(place)[0]
        if case not in best or count > organs[best[case]]:
            best[case] = place
    return list(best.values())


def example_figure(pixels: Sequence[np.ndarray], labels: Sequence[np.ndarray], predicted: Sequence[np.ndarray],
                   titles: Sequence[str], organs: Sequence[Label], reference: str = "reference") -> Figure:
    """Reference above, prediction below.

    Args:
        pixels: n slices (h, w) in [0, 1]; sizes may differ.
        labels: n slices (h, w), the reference.
        predicted: n slices (h, w).
        titles: of the columns.
        organs: of the channels 1, 2, …
        reference: what the upper row is called.
    """
    count, (height, width) = len(pixels), pixels[0].shape
    figure = Figure(figsize=(3.2 * count, 6.4 * height / width + 0.8), layout="constrained")
    axes = figure.subplots(2, count, squeeze=False)
    for row, (name, values) in enumerate(((reference, labels), ("prediction", predicted))):
        for column in range(count):
            axes[row, column].imshow(coloured(pixels[column], values[column], organs))
            axes[row, column].set(xticks=[], yticks=[], title=titles[column] if row == 0 else None)
        axes[row, 0].set_ylabel(name)
    return figure


def coloured(pixels: np.ndarray, labels: np.ndarray, organs: Sequence[Label]) -> np.ndarray:
    """A grey slice (h, w) in [0, 1] with its organs in their colours: float (h, w, 3)."""
    table = np.zeros((256, 3))
    for channel, label in enumerate(organs, 1):
        table[channel] = np.asarray(label.color) / 255
    opacity = OPACITY * ((labels > 0) & (labels != IGNORE))[..., None]
    return np.clip(pixels[..., None] * (1 - opacity) + table[labels] * opacity, 0, 1)


def read_curves(folder: Path) -> Curves:
    """Values by step of everything that a run logged, over all its starts."""
    curves: dict[str, dict[int, float]] = defaultdict(dict)
    files = (folder / "log").glob("version_*/metrics.csv")
    for path in sorted(files, key=lambda path: int(path.parent.name.split("_")[1])):
        with open(path, newline="", encoding="utf-8") as file:
            _collect(csv.DictReader(file), curves)
    return {name: sorted(values.items()) for name, values in curves.items()}


def _collect(rows: Iterable[dict[str, Any]], curves: dict[str, dict[int, float]]) -> None:
    for row in rows:
        for name, text in row.items():
            if name not in ("step", "epoch") and text:
                curves[name][int(row["step"]) + 1] = float(text)  # steps are counted from 0 there


def curve_figure(curves: Curves, organs: Sequence[Label] = ()) -> Figure:
    """Loss terms on the left; where cases were validated, their Dice on the right, organs in their colours."""
    colours: dict[str, Any] = {f"dice_{organ.name}": np.asarray(organ.color) / 255 for organ in organs}
    colours |= dict.fromkeys(("loss", "dice"), "black")
    dice = {name: points for name, points in curves.items() if name.startswith("dice")}
    losses = {name: points for name, points in curves.items() if name not in dice and not name.startswith("lr-")}
    panels = [("Loss", losses), *([("Dice of the validation cases", dice)] if dice else [])]
    figure = Figure(figsize=(6 * len(panels), 4.5), layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, drawn) in zip(row, panels, strict=True):
        for name, points in drawn.items():
            main = name in ("loss", "dice")
            lone = "o" if len(points) == 1 else None  # a line of one point would not be seen
            axes.plot(*zip(*points, strict=True), marker=lone, label=spaced(name.removeprefix("dice_")),
                      color=colours.get(name), linewidth=2 if main else 1, zorder=3 if main else 2)
        axes.set(xlabel="steps done", title=title)
        axes.grid(alpha=0.3)
        if drawn:
            axes.legend(fontsize="small", ncols=2)
    row[0].set_yscale("log", nonpositive="mask")  # the teacher's terms are 0 where a step has nothing for it
    for axes in row[1:]:
        axes.set_ylim(0, 1)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
