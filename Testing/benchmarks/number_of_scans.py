"""How the time grows with the number of scans: to list, run, resume and sum up small ones."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from MISTKDSegmentLib.batch.case import STAGES
from MISTKDSegmentLib.batch.outcome import DONE, SKIPPED, Outcome
from MISTKDSegmentLib.batch.plan import Plan, make_plan
from MISTKDSegmentLib.batch.summary import Summary
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.benchmarks.clock import timed
from Testing.benchmarks.many import WORKERS, reckoning, records, start_segmenting
from Testing.benchmarks.scans import small_scan, write_many

NUMBERS = {False: (10, 100, 1000), True: (5, 20)}


class OfNumber(NamedTuple):
    """Seconds for a folder of small scans.

    Attributes:
        scans: how many there are.
        listing_s: to find them.
        running_s: the command, from its start to its end.
        resuming_s: the same again, where all are finished.
        summary_s: to write the summary once.
    """

    scans: int
    listing_s: float
    running_s: float
    resuming_s: float
    summary_s: float


def measure_numbers(model: Path, folder: Path, quick: bool) -> list[OfNumber]:
    """Segment folders of ten times as many scans each, without pictures, and again what is finished.

    Args:
        model: folder of the bundle.
        folder: for scans and results, which do not stay.
        quick: whether few scans do.
    """
    return [_measure(number, model, folder / f"{number}") for number in NUMBERS[quick]]


def _measure(number: int, model: Path, folder: Path) -> OfNumber:
    scans, output = folder / "scans", folder / "out"
    write_many(scans, [small_scan()], [0] * number)
    make_plan([scans])  # what it imports is not of the scans
    listing_s, plan = timed(lambda: make_plan([scans]))
    running_s = _segment(scans, output, model, {DONE: number})
    resuming_s = _segment(scans, output, model, {SKIPPED: number})
    organs = [label.name for label in load_bundle(model).labels]
    summary_s, _ = timed(_filled_summary(plan, organs, folder / "summary.csv").write)
    shutil.rmtree(folder)
    return OfNumber(number, listing_s, running_s, resuming_s, summary_s)


def _segment(scans: Path, output: Path, model: Path, expected: Mapping[str, int]) -> float:
    """Seconds of the command.

    Raises:
        RuntimeError: it failed, or something else than expected became of the scans.
    """
    options = ("--workers", str(WORKERS), "--no-picture")
    seconds, code = timed(lambda: start_segmenting(scans, output, model, options).wait())
    if code:
        raise RuntimeError(f"mistkd segment ended with exit code {code}.")
    names = {path.name.partition(".")[0] for path in scans.iterdir()}
    statuses, lost, twice = reckoning(names, records(output), output)
    if (statuses, lost, twice) != (expected, 0, 0):
        raise RuntimeError(f"Of {len(names)} scans, {lost} were lost and {twice} made twice: {statuses}.")
    return seconds


def _filled_summary(plan: Plan, organs: Sequence[str], path: Path) -> Summary:
    summary = Summary(path, plan.cases, organs)
    outcome = Outcome(DONE, seconds=dict.fromkeys(STAGES, 0.1), slices=8, spacing_mm=(4.0, 4.0, 5.0),
                      volumes_ml=dict.fromkeys(organs, 100.0))
    for case in plan.cases:
        summary.put(case, outcome)
    return summary
