"""The table of an ablation: one row a variant, means over its seeds, and the gain over the student alone."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from MISTKDSegmentLib.io.atomic import atomic_path
from Training.evaluation.report import none_for_nan
from Training.evaluation.scores import CaseScores, bootstrap_interval, summarise
from Training.system.files import write_json, write_text
from Training.system.markdown import table
from Training.system.words import spaced

# The variant that the others are compared with.
ALONE = "alone"


@dataclass(frozen=True)
class VariantScores:
    """Scores of one student on the validation cases, through the inference code that ships.

    Attributes:
        variant: name.
        seed: of weights, order and views.
        dice: mean over the organs (`millimetre` protocol).
        hd95_mm: mean over the organs.
        surface_dice_2mm: mean over the organs.
        organs: Dice per organ.
        steps: of the student's training.
        minutes: of the student's training.
        cases: Dice of each organ by case; None where there is nothing to score.
        phases: mean Dice by simulated contrast phase, where they were scored.
    """

    variant: str
    seed: int
    dice: float
    hd95_mm: float
    surface_dice_2mm: float
    organs: dict[str, float]
    steps: int
    minutes: float
    cases: dict[str, dict[str, float | None]]
    phases: dict[str, float] = field(default_factory=dict)


def variant_scores(variant: str, seed: int, scores: Sequence[CaseScores], phases: Mapping[str, float], *, steps: int,
                   minutes: float) -> VariantScores:
    """Sum up what one student scored; arguments as the attributes of `VariantScores`."""
    summary = summarise(scores)["millimetre"]
    cases = {one.case: {organ: none_for_nan(protocols["millimetre"]["dice"])
                        for organ, protocols in one.scores.items()} for one in scores}
    return VariantScores(
        variant=variant, seed=seed, dice=summary["mean"]["dice"], hd95_mm=summary["mean"]["hd95_mm"],
        surface_dice_2mm=summary["mean"]["surface_dice_2mm"],
        organs={organ: values["dice"] for organ, values in summary["organs"].items()},
        steps=steps, minutes=minutes, cases=cases, phases=dict(phases))


def rows_of(results: Iterable[VariantScores]) -> list[dict[str, Any]]:
    """Rows of the table, one a variant: means over the seeds, and the gain over the student alone in Dice points."""
    grouped: dict[str, list[VariantScores]] = {}
    for result in results:
        grouped.setdefault(result.variant, []).append(result)
    rows = [_row(variant, group) for variant, group in grouped.items()]
    if ALONE in grouped:
        alone, base = _case_table(grouped[ALONE]), next(row["dice"] for row in rows if row["variant"] == ALONE)
        for row in rows:
            low, high = bootstrap_interval(_case_table(grouped[row["variant"]]) - alone)
            row |= {"gain_points": 100 * (row["dice"] - base), "gain_low": none_for_nan(100 * low),
                    "gain_high": none_for_nan(100 * high)}
    return rows


def _case_table(group: Sequence[VariantScores]) -> np.ndarray:
    """Dice (cases, organs) of a variant, means over its seeds; NaN where there is nothing to score."""
    return np.mean([[[np.nan if value is None else value for value in organs.values()]
                     for organs in result.cases.values()] for result in group], axis=0)


def _row(variant: str, group: Sequence[VariantScores]) -> dict[str, Any]:
    dice = [result.dice for result in group]
    return {
        "variant": variant,
        "seeds": len(group),
        "dice": statistics.fmean(dice),
        "dice_sd": statistics.stdev(dice) if len(dice) > 1 else None,
        "gain_points": None,
        "gain_low": None,
        "gain_high": None,
        "hd95_mm": statistics.fmean(result.hd95_mm for result in group),
        "surface_dice_2mm": statistics.fmean(result.surface_dice_2mm for result in group),
        **{organ: statistics.fmean(result.organs[organ] for result in group) for organ in group[0].organs},
        **{f"dice_{phase}": statistics.fmean(result.phases[phase] for result in group) for phase in group[0].phases},
        "steps": group[0].steps,
        "minutes": sum(result.minutes for result in group),
    }


def write_table(folder: Path, results: Sequence[VariantScores], facts: Mapping[str, Any]) -> None:
    """Write ablation.csv, ablation.md, ablation.json and ablation.png.

    Raises:
        OutputError: a file cannot be written.
    """
    rows = rows_of(results)
    with atomic_path(folder / "ablation.csv") as path, open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write_json(folder / "ablation.json",
               {**facts, "rows": rows, "results": [asdict(result) for result in results]})
    write_text(folder / "ablation.md", markdown(rows))
    with atomic_path(folder / "ablation.png") as path:
        table_figure(results).savefig(path, dpi=130)


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table in Markdown."""
    return spaced(table(list(rows[0]), [[_cell(value) for value in row.values()] for row in rows])) + "\n"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def table_figure(results: Sequence[VariantScores]) -> Figure:
    """Mean Dice of every student: a dot a seed, a stroke at the mean of a variant."""
    rows = rows_of(results)
    figure = Figure(figsize=(8, 0.6 * len(rows) + 1.6), layout="constrained")
    axes = figure.subplots()
    names = [row["variant"] for row in rows]
    # No bars: their lengths would say something only from 0, where differences cannot be seen.
    axes.plot([row["dice"] for row in rows], names, "|", color="tab:blue", markersize=22, markeredgewidth=3)
    axes.plot([result.dice for result in results], [names.index(result.variant) for result in results], "ko",
              markersize=4)
    axes.set(xlabel="mean Dice of the validation cases")
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    return figure


def print_ablation(results: Sequence[VariantScores], console: Console) -> None:
    """Print the table."""
    shown = Table(box=SIMPLE_HEAD)
    for heading in ("variant", "Dice", "± seeds", "gain", "HD95 mm", "surface Dice", "minutes"):
        shown.add_column(heading, justify="left" if heading == "variant" else "right", no_wrap=True)
    for row in rows_of(results):
        gain = "" if row["gain_points"] is None else f"{row['gain_points']:+.1f}"
        if row["gain_low"] is not None:
            gain += f" ({row['gain_low']:+.1f} to {row['gain_high']:+.1f})"
        shown.add_row(row["variant"], _cell(row["dice"]), _cell(row["dice_sd"]), gain, f"{row['hd95_mm']:.1f}",
                      _cell(row["surface_dice_2mm"]), f"{row['minutes']:.1f}")
    console.print(shown)
