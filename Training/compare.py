"""Compare two models on the same cases, from the results.json that evaluate wrote for each."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jsonargparse import Namespace
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from MISTKDSegmentLib.errors import InputError
from Training.cli.command import Parser, parse, run_command, script_parser
from Training.evaluation.comparison import (
    check_comparable,
    check_same_definition,
    read_results,
    worst_pairs,
    write_comparison,
)
from Training.evaluation.metrics import METRICS
from Training.evaluation.paired_comparison import OVERALL, Comparison, Pairs, compare_all, pair, smallest_p
from Training.system.files import check_folder
from Training.system.words import counted


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    arguments = parse(_parser(), argv)
    return run_command("mistkd compare", lambda: _compare(arguments))


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
        write_comparison(arguments.out, pairs, compared, (first, second), arguments.protocol)
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


def _compared(protocol: str) -> list[str]:
    return [metric for metric in METRICS[protocol] if not metric.endswith("_ml")]


def _parser() -> Parser:
    parser = script_parser("mistkd compare", __doc__, "A B")
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
