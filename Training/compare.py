"""Compare two models on the same cases, from the results.json that evaluate wrote for each."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import Namespace
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.atomic import atomic_path
from Training.cli.command import run_command
from Training.cli.options import Parser, parse
from Training.cli.script_parser import script_parser
from Training.data.files import check_folder, make_folder
from Training.data.scans import counted
from Training.evaluation.metrics import METRICS
from Training.evaluation.paired import OVERALL, Comparison, Pairs, compare_all, pair, smallest_p
from Training.evaluation.report import none_for_nan, plain, point_style, spread
from Training.evaluation.scores import mean_of_defined

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
        raise InputError(f"{path} is no results.json of Training/evaluate.py ({error}): evaluate anew.") from None


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
    """Where the second model loses most: case, organ, first and second value."""
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
    names = [organ.replace("_", " ") for organ in organs]
    axes.set_xticks(range(1, len(names) + 1), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set(ylabel=f"difference in {pairs.metric.replace('_', ' ')} per case", title=title)
    axes.grid(axis="y", alpha=0.3)
    return figure


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    arguments = parse(_parser(), argv)
    return run_command("compare", lambda: _compare(arguments))


def _compare(arguments: Namespace) -> None:
    if arguments.out is not None:
        check_folder(arguments.out)
    paths = (arguments.first, arguments.second)
    first, second = (read_results(path) for path in paths)
    check_comparable(first, second, paths)
    if arguments.metric not in METRICS[arguments.protocol]:
        raise InputError(f"the protocol {arguments.protocol} has no {arguments.metric}: name one of "
                         f"{', '.join(_compared(arguments.protocol))}.")
    check_same_definition(first, second, paths, arguments.protocol, arguments.metric)
    pairs = pair(first["cases"], second["cases"], arguments.protocol, arguments.metric)
    compared = compare_all(pairs)
    models = [f"{document['bundle']['name']} {document['bundle']['version']}" for document in (first, second)]
    _print(pairs, compared, models, arguments.protocol)
    if arguments.out is not None:
        _write(arguments.out, pairs, compared, (first, second), arguments.protocol)
        print(f"Written: comparison.csv, comparison.json and comparison.png in {arguments.out}")


def _print(pairs: Pairs, compared: Mapping[str, Comparison], models: Sequence[str], protocol: str) -> None:
    console = Console(markup=False, highlight=False)
    digits = 1 if pairs.metric.startswith("hd95") else 3
    cases = counted(len(pairs.cases), "case")
    table = Table(title=f"A {models[0]}, B {models[1]}: {pairs.metric} ({protocol}), {cases}",
                  title_justify="left", box=SIMPLE_HEAD, pad_edge=False, caption_justify="left",
                  caption="b/w/s: cases in which B is better, worse, the same")
    table.add_column("organ", no_wrap=True)
    for heading in ("A", "B", "B - A", "95 % interval", "p", "b/w/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for organ, one in compared.items():
        if organ == OVERALL:
            table.add_section()
        table.add_row(organ, *_cells(one, digits))
    console.print(table)
    differing = compared[OVERALL].wins + compared[OVERALL].losses
    console.print(f"p: Wilcoxon's signed-rank test, two-sided, not corrected for the number of organs; with "
                  f"differences in {counted(differing, 'case')}, the smallest that it can give is "
                  f"{smallest_p(differing):.3g}.")
    for case, organ, one_value, other in worst_pairs(pairs):
        console.print(f"B loses most: {case} {organ}, {one_value:.{digits}f} to {other:.{digits}f}")


def _cells(one: Comparison, digits: int) -> list[str]:
    low, high = one.interval
    interval = "-" if np.isnan(low) else f"{low:+.{digits}f} to {high:+.{digits}f}"
    numbers = ["-" if np.isnan(value) else f"{value:.{digits}f}" for value in (one.first, one.second)]
    difference = "-" if np.isnan(one.difference) else f"{one.difference:+.{digits}f}"
    p = "-" if np.isnan(one.p) else f"{one.p:.3g}"
    return [*numbers, difference, interval, p, f"{one.wins}/{one.losses}/{one.ties}"]


def _write(folder: Path, pairs: Pairs, compared: Mapping[str, Comparison], documents: Sequence[Mapping[str, Any]],
           protocol: str) -> None:
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
    with atomic_path(folder / "comparison.json") as path:
        path.write_text(json.dumps(plain(document), indent=2) + "\n", encoding="utf-8")
    with atomic_path(folder / "comparison.png") as path:
        title = f"{models[1]['name']} {models[1]['version']} minus {models[0]['name']} {models[0]['version']}"
        difference_figure(pairs, title, documents[0].get("colors")).savefig(path, dpi=150)


def _tells(organ: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether the reference is known and has the organ."""
    return organ["presence"] != "unknown", organ["presence"] in ("both", "missed")


def _compared(protocol: str) -> list[str]:
    return [metric for metric in METRICS[protocol] if not metric.endswith("_ml")]


def _parser() -> Parser:
    parser = script_parser("compare", __doc__, "A B")
    parser.add_argument("first", type=Path, metavar="A", help="results.json of the one model")
    parser.add_argument("second", type=Path, metavar="B", help="results.json of the other model")
    parser.add_argument("--out", type=Path, metavar="FOLDER",
                        help="where comparison.csv, comparison.json and comparison.png go")
    parser.add_argument("--protocol", choices=tuple(METRICS), default="millimetre", help="how it was measured")
    parser.add_argument("--metric", choices=_all_metrics(), default="dice", help="what to compare")
    return parser


def _all_metrics() -> list[str]:
    return list(dict.fromkeys(metric for protocol in METRICS for metric in _compared(protocol)))


if __name__ == "__main__":
    sys.exit(main())
