"""Results of two models side by side: whether they may be compared, where one loses most, and files about it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.atomic import atomic_path
from Training.evaluation.paired_comparison import OVERALL, Comparison, Pairs
from Training.evaluation.report import none_for_nan, null_for_nan, point_style, spread
from Training.evaluation.scores import mean_of_defined
from Training.system.files import make_folder, write_json
from Training.system.words import spaced

WORST = 5


def read_results(path: Path) -> dict[str, Any]:
    """Read a results.json.

    Raises:
        InputError: it cannot be read or is something else.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: name its results.json.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(document[key], dict) and document[key] for key in ("bundle", "cases")):
            raise ValueError("it has no cases")
        return document
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path} is no results.json of mistkd evaluate ({error}): evaluate anew.") from None


def check_comparable(first: Mapping[str, Any], second: Mapping[str, Any], paths: Sequence[Path]) -> None:
    """Refuse results of different data, cases or organs.

    Raises:
        InputError: says what differs.
    """
    names = " and ".join(str(path) for path in paths)
    hashed = all("content_sha256" in case for one in (first, second) for case in one["cases"].values())
    # Older results tell their data by the name of its folder alone.
    if not hashed and first.get("data") != second.get("data"):
        raise InputError(f"{names} are of different data ({first.get('data')} and {second.get('data')}): evaluate "
                         "both models on the same.")
    other = sorted(set(first["cases"]) ^ set(second["cases"]))
    if other:
        raise InputError(f"{names} differ in the cases {', '.join(other)}: evaluate both models on the same cases.")
    for case, one in first["cases"].items():
        two = second["cases"][case]
        if one["shape_kji"] != two["shape_kji"] or not np.allclose(one["spacing_mm"], two["spacing_mm"]):
            raise InputError(f"{names} have different scans under the name {case}: evaluate both models on the same.")
        if set(one["organs"]) != set(two["organs"]):
            missing = ", ".join(sorted(set(one["organs"]) ^ set(two["organs"])))
            raise InputError(f"{names} differ in the organs {missing}: evaluate both models on the same organs.")
        if any(_tells(one["organs"][organ]) != _tells(two["organs"][organ]) for organ in one["organs"]):
            raise InputError(f"{names} have different references for {case}: evaluate both models on the same.")
        if hashed and one["content_sha256"] != two["content_sha256"]:
            raise InputError(f"{names} have different voxels in the scan or the reference of {case}: evaluate both "
                             "models on the same.")


def check_same_definition(first: Mapping[str, Any], second: Mapping[str, Any], paths: Sequence[Path], protocol: str,
                          metric: str) -> None:
    """Refuse distances that were measured by different definitions; that of Dice never changed.

    Raises:
        InputError: the files describe the protocol differently.
    """
    told = [document.get("protocols", {}).get(protocol) for document in (first, second)]
    if metric != "dice" and told[0] != told[1]:
        raise InputError(f"{paths[0]} and {paths[1]} define {metric} ({protocol}) differently, as their \"protocols\" "
                         "say: evaluate the older one anew.")


def worst_pairs(pairs: Pairs, count: int = WORST) -> list[tuple[str, str, float, float]]:
    """Cases and organs in which the second model loses most, with the first and the second value."""
    order = np.argsort(np.where(np.isnan(pairs.gains), np.inf, pairs.gains), axis=None, kind="stable")
    places = [np.unravel_index(place, pairs.gains.shape) for place in order[:count]]
    return [(pairs.cases[case], pairs.organs[organ], float(pairs.first[case, organ]), float(pairs.second[case, organ]))
            for case, organ in places if pairs.gains[case, organ] < 0]


def difference_figure(pairs: Pairs, title: str, colors: Mapping[str, Sequence[int]] | None = None) -> Figure:
    """Second model minus first, one point per case, one column per organ and one for the mean over organs.

    Args:
        pairs: of the two models.
        title: of the figure.
        colors: organ -> RGB, 0 to 255; organs that are not in it are coloured one after the other.
    """
    columns = [*pairs.differences.T, mean_of_defined(pairs.differences, axis=1)]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color="black", linewidth=0.8)
    organs = (*pairs.organs, OVERALL)
    for place, (organ, column) in enumerate(zip(organs, columns, strict=True), 1):
        defined = column[~np.isnan(column)]
        axes.plot(place + spread(len(defined)), defined, "o", **point_style(organ, colors or {}))
        if defined.size:
            axes.plot([place - 0.3, place + 0.3], [defined.mean()] * 2, color="black")
    names = [spaced(organ) for organ in organs]
    axes.set_xticks(range(1, len(names) + 1), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set(ylabel=f"difference in {spaced(pairs.metric)} per case", title=title)
    axes.grid(axis="y", alpha=0.3)
    return figure


def write_comparison(folder: Path, pairs: Pairs, compared: Mapping[str, Comparison],
                     documents: Sequence[Mapping[str, Any]], protocol: str) -> None:
    """Write comparison.csv, comparison.json and comparison.png.

    Args:
        folder: made if missing.
        pairs: of the two models.
        compared: what `compare_all` gave for them.
        documents: content of the two results.json.
        protocol: of the metric.

    Raises:
        OutputError: a file cannot be written.
    """
    models = [document["bundle"] for document in documents]
    make_folder(folder)
    with atomic_path(folder / "comparison.csv") as path, open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "organ", "first", "second", "difference"])
        for row, case in enumerate(pairs.cases):
            for column, organ in enumerate(pairs.organs):
                values = (table[row, column] for table in (pairs.first, pairs.second, pairs.differences))
                writer.writerow([case, organ, *(none_for_nan(float(value)) for value in values)])
    document = {
        "first": models[0], "second": models[1], "protocol": protocol, "metric": pairs.metric,
        "cases": list(pairs.cases), "organs": {organ: asdict(one) for organ, one in compared.items()},
    }
    write_json(folder / "comparison.json", null_for_nan(document))
    with atomic_path(folder / "comparison.png") as path:
        title = f"{models[1]['name']} {models[1]['version']} minus {models[0]['name']} {models[0]['version']}"
        difference_figure(pairs, title, documents[0].get("colors")).savefig(path, dpi=150)


def _tells(organ: Mapping[str, Any]) -> tuple[bool, bool]:
    """Two answers: does the reference annotate the organ, and does it have it?"""
    return organ["presence"] != "unknown", organ["presence"] in ("both", "missed")
