"""Results for people and for programs: CSV, JSON, a figure and a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.labels import Label
from Training.evaluation.metrics import PROTOCOLS
from Training.evaluation.scores import PRESENCES, CaseScores, score_table, summarise, summarise_protocol
from Training.system.files import write_json
from Training.system.words import counted, spaced

_COLUMNS = (("transunet", "dice", "transunet\nDice"), ("transunet", "hd95_voxels", "\nHD95 vox"),
            ("millimetre", "dice", "millimetre\nDice"), ("millimetre", "hd95_mm", "\nHD95 mm"),
            ("millimetre", "surface_dice_2mm", "\nsurface"))


def write_results(folder: Path, results: Sequence[CaseScores], facts: Mapping[str, Any],
                  labels: Sequence[Label] = ()) -> None:
    """Write results.csv, results.json and dice.png.

    Args:
        folder: existing folder for the three files.
        results: scores of every case.
        facts: bundle, data, host and versions for results.json.
        labels: organs whose own colours figures take.

    Raises:
        OutputError: a file cannot be written.
    """
    colors = {label.name: label.color for label in labels}
    with atomic_path(folder / "results.csv") as path:
        _write_csv(path, results)
    document = {**facts, "protocols": PROTOCOLS, "colors": colors, "summary": summarise(results),
                "cases": _cases(results)}
    write_json(folder / "results.json", null_for_nan(document))
    with atomic_path(folder / "dice.png") as path:
        title = f"{facts['bundle']['name']} {facts['bundle']['version']}, {counted(len(results), 'case')}"
        dice_figure(results, title, colors).savefig(path, dpi=150)


def print_scores(results: Sequence[CaseScores], title: str, console: Console) -> None:
    """Print organ x metric for both protocols, the means and the confidence interval."""
    summary = summarise(results)
    table = Table(title=f"{title}, {counted(len(results), 'case')}", title_justify="left", box=SIMPLE_HEAD,
                  pad_edge=False,
                  caption="m/i/a/u: cases with the organ missed/invented/absent from both/unknown to the reference")
    table.add_column("\norgan", no_wrap=True)
    for heading in (*(heading for _, _, heading in _COLUMNS), "\nm/i/a/u"):
        table.add_column(heading, justify="right", no_wrap=True)
    for organ, counts in summary["millimetre"]["counts"].items():
        cells = [_cell(summary[protocol]["organs"][organ][metric], metric) for protocol, metric, _ in _COLUMNS]
        table.add_row(organ, *cells, "/".join(str(counts[kind]) for kind in PRESENCES[1:]))
    table.add_section()
    means = [_cell(summary[protocol]["mean"][metric], metric) for protocol, metric, _ in _COLUMNS]
    table.add_row("mean", *means, "")
    console.print(table)
    for protocol in PROTOCOLS:
        low, high = summary[protocol]["mean_dice_ci95"]
        interval = "needs two cases" if np.isnan(low) else f"{low:.3f} to {high:.3f}"
        console.print(f"Mean Dice ({protocol}), 95 % bootstrap interval over cases: {interval}")


def dice_figure(results: Sequence[CaseScores], title: str,
                colors: Mapping[str, Sequence[int]] | None = None) -> Figure:
    """Dice of every case, one box per organ (`millimetre` protocol).

    Args:
        results: scores of every case.
        title: of the figure.
        colors: organ -> RGB, 0 to 255; organs that are not in it are coloured one after the other.
    """
    organs = list(results[0].scores)
    columns = [column[~np.isnan(column)] for column in score_table(results, "millimetre", "dice").T]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.boxplot(columns, showfliers=False, medianprops={"color": "black"})
    for place, (organ, column) in enumerate(zip(organs, columns, strict=True), 1):
        axes.plot(place + spread(len(column)), column, "o", **point_style(organ, colors or {}))
    axes.set_xticks(range(1, len(organs) + 1), [spaced(organ) for organ in organs], rotation=30,
                    ha="right", rotation_mode="anchor")
    axes.set(ylim=(-0.02, 1.02), ylabel="Dice per case", title=title)
    axes.grid(axis="y", alpha=0.3)
    return figure


def point_style(organ: str, colors: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Style of an organ's points for matplotlib: with an edge, because some organs' colours are pale."""
    style = {"markersize": 5, "alpha": 0.7, "markeredgecolor": "black", "markeredgewidth": 0.4}
    return {**style, "color": np.asarray(colors[organ]) / 255} if organ in colors else style


def spread(count: int, width: float = 0.15) -> np.ndarray:
    """Places beside each other, the same each time: the same results give the same picture."""
    return np.linspace(-width, width, count) if count > 1 else np.zeros(count)


def null_for_nan(value: Any) -> Any:
    """The same document with NaN as null, which JSON has no word for."""
    if isinstance(value, Mapping):
        return {key: null_for_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [null_for_nan(item) for item in value]
    return none_for_nan(value) if isinstance(value, float) else value


def none_for_nan(value: float) -> float | None:
    """The number, or None where it is none."""
    return None if np.isnan(value) else value


def _write_csv(path: Path, results: Sequence[CaseScores]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "organ", "protocol", "metric", "value"])
        for result in results:
            for organ, protocols in result.scores.items():
                for protocol, metrics in protocols.items():
                    for metric, value in metrics.items():
                        writer.writerow([result.case, organ, protocol, metric, none_for_nan(value)])


def _cases(results: Sequence[CaseScores]) -> dict[str, Any]:
    return {result.case: {
        "seconds": round(result.seconds, 3),
        "shape_kji": list(result.shape_kji),
        "spacing_mm": list(result.spacing_mm),
        "content_sha256": result.content_sha256,
        "mean": {protocol: summarise_protocol([result], protocol)["mean"] for protocol in PROTOCOLS},
        "organs": {organ: {"presence": result.presence[organ], **scores}
                   for organ, scores in result.scores.items()},
    } for result in results}


def _cell(value: float, metric: str) -> str:
    return "-" if np.isnan(value) else f"{value:.1f}" if metric.startswith("hd95") else f"{value:.3f}"
