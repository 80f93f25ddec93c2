"""What `prepare` would do, and what that costs, measured on one small case that is thrown away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table

from Training.data.files import size_mb
from Training.data.prepare_case import Preparation, Target, find_preparation, prepare_case
from Training.data.prepare_table import organ_cell, print_lines, size_cell, spacing_cell
from Training.data.scans import Dataset, Scan, listed


@dataclass(frozen=True)
class Trial:
    """How one case was prepared.

    Attributes:
        case: its name.
        input_mb, output_mb: its files before and after, in 1e6 bytes.
        seconds: that it took.
    """

    case: str
    input_mb: float
    output_mb: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        scans: all of them.
        done: preparations of an earlier run that are kept, by name.
        trial: of the smallest case that is to be prepared; None where none is.
    """

    scans: Sequence[Scan]
    done: dict[str, Preparation]
    trial: Trial | None

    @property
    def missing(self) -> list[Scan]:
        """What is to be prepared."""
        return [scan for scan in self.scans if scan.name not in self.done]


def make_plan(scans: Sequence[Scan], target: Target) -> Plan:
    """Find what is done, and try the smallest case that is not; nothing is written into the target's folder.

    Raises:
        InputError: a file is missing, or the smallest case cannot be used.
    """
    found = {scan.name: find_preparation(scan, target) for scan in scans}
    done = {name: preparation for name, preparation in found.items() if preparation is not None}
    missing = [scan for scan in scans if scan.name not in done]
    return Plan(scans, done, _try(min(missing, key=size_mb), target) if missing else None)


def _try(scan: Scan, target: Target) -> Trial:
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        prepare_case(scan, replace(target, folder=Path(folder)))
        seconds = time.perf_counter() - start
        output = sum(path.stat().st_size for path in Path(folder).iterdir())
    return Trial(scan.name, size_mb(scan), output / 1e6, seconds)


def print_plan(plan: Plan, dataset: Dataset, target: Target, workers: int) -> None:
    """Print the cases, and below them what is to be done and what it costs."""
    table = Table("case", "input (MB)", "size (i, j, k)", "spacing (mm)", "known organs (mL)", "state")
    for scan in plan.scans:
        table.add_row(scan.name, f"{size_mb(scan):.1f}", *_cells(scan, plan.done.get(scan.name), target))
    print_lines(table, plan_lines(plan, dataset, workers))


def _cells(scan: Scan, done: Preparation | None, target: Target) -> list[str]:
    """What is known of a case: its size and volumes only where it is prepared."""
    if done is None:
        return ["", "", listed(scan.known) or "-", "to do"]
    return [size_cell(done), spacing_cell(done), organ_cell(done, target.pixel_spacing_mm), "done"]


def plan_lines(plan: Plan, dataset: Dataset, workers: int) -> list[str]:
    """What is to be done and what it costs, one sentence each.

    Args:
        plan: of the cases.
        dataset: that they are of.
        workers: number of processes; 0 stands for this one.
    """
    missing, trial = plan.missing, plan.trial
    lines = [f"Layout {dataset.layout}; cases: {len(plan.scans)} in {sum(map(size_mb, plan.scans)):.1f} MB; "
             f"done: {len(plan.done)}."]
    if dataset.unused:
        lines.append(f"Labels of the data set that become nothing: {listed(dataset.unused)}.")
    if trial is None:
        return [*lines, "Nothing is left to do."]
    share = sum(map(size_mb, missing)) / trial.input_mb
    together = max(1, min(workers, len(missing)))
    return [
        *lines,
        f"{trial.case}, the smallest to do, took {trial.seconds:.1f} s and became {trial.output_mb:.2f} MB.",
        f"To do: {len(missing)}, {share:.1f} times its size on disk, with {together} at once: about "
        f"{max(1, round(share * trial.seconds / together / 60))} min and {share * trial.output_mb:.1f} MB.",
    ]
