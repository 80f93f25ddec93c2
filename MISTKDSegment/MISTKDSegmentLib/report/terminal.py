"""What `mistkd segment` shows on the terminal: progress and the table of organs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS, Label
from MISTKDSegmentLib.report.quality import GOOD, LOOK, POOR, Quality
from MISTKDSegmentLib.report.table import OrganRow

_STYLES = {GOOD: "green", LOOK: "yellow", POOR: "red"}


def progress_bar(console: Console) -> Progress:
    """Slices or cases done and time left; vanishes when done, and is not shown in a log file at all.

    Its tasks have a field `unit`, e.g. "slices,".
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
               TextColumn("{task.fields[unit]}"), TimeRemainingColumn(), TextColumn("left"))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def organ_table(rows: Sequence[OrganRow], dice: Mapping[str, float], *, plain: bool) -> Table:
    """The organs with volume, mean HU, how good they are likely to be, and what to beware of.

    Args:
        rows: one per organ.
        dice: Dice by label name, where the truth is known; empty for a real scan, and the column is left out.
        plain: without lines, for a file or another program.
    """
    table = Table(box=None, pad_edge=False) if plain else Table()
    table.add_column("Organ")
    for title in ("Volume (mL)", "Mean HU", *(["Dice (phantom)"] if dice else [])):
        table.add_column(title, justify="right")
    is_judged = any(row.quality for row in rows)
    if is_judged:
        table.add_column("Quality")
    table.add_column("Flag")
    for row in rows:
        mean_hu = "-" if row.mean_hu is None else f"{row.mean_hu:.0f}"
        score = [f"{dice[row.label.name]:.2f}"] if dice else []
        quality = [_in_colour(row.quality)] if is_judged else []
        table.add_row(row.label.title, f"{row.volume_ml:.1f}", mean_hu, *score, *quality,
                      ", ".join((*row.flags, *(row.quality.reasons if row.quality else ()))))
    return table


def _in_colour(quality: Optional[Quality]) -> Text:
    return Text(f"{quality.word} {quality.score:.2f}", _STYLES[quality.word]) if quality else Text("-")


def dice_by_name(found: np.ndarray, truth: np.ndarray, labels: Sequence[Label]) -> dict[str, float]:
    """Dice of each label against a truth that uses `ABDOMEN_LABELS`; NaN where neither has the organ.

    Args:
        found: label map with the values of `labels`.
        truth: label map of the same shape with the values of `ABDOMEN_LABELS`.
        labels: what to compare, by name.
    """
    value = {label.name: label.value for label in ABDOMEN_LABELS}
    return {label.name: _dice(found == label.value, truth == value.get(label.name, -1)) for label in labels}


def _dice(found: np.ndarray, truth: np.ndarray) -> float:
    total = int(np.count_nonzero(found)) + int(np.count_nonzero(truth))
    return 2.0 * int(np.count_nonzero(found & truth)) / total if total else float("nan")
