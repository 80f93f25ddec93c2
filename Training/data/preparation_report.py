"""Reports of `prepare`: the cost before the work, and at its end a table of the cases and what was left out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from MISTKDSegmentLib.model.labels import Label
from Training.data.prepare_case import Preparation, Target, find_preparation, prepare_case
from Training.data.scans import Dataset, Scan
from Training.system.words import counted, listed

_WIDTH = 160  # where nobody looks, in a log file


@dataclass(frozen=True)
class Trial:
    """Time and size of one case that was prepared to find out.

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
class PreparationPlan:
    """Cases that are done, and those that are to be done.

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
        """Scans that are to be prepared."""
        return [scan for scan in self.scans if scan.name not in self.done]


def plan_preparation(scans: Sequence[Scan], target: Target) -> PreparationPlan:
    """Find what is done, and try the smallest case that is not; nothing is written into the target's folder.

    Raises:
        InputError: a file is missing, or the smallest case cannot be used.
    """
    found = {scan.name: find_preparation(scan, target) for scan in scans}
    done = {name: preparation for name, preparation in found.items() if preparation is not None}
    missing = [scan for scan in scans if scan.name not in done]
    return PreparationPlan(scans, done, _try(min(missing, key=lambda scan: scan.size_mb), target) if missing else None)


def _try(scan: Scan, target: Target) -> Trial:
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        prepare_case(scan, replace(target, folder=Path(folder)))
        seconds = time.perf_counter() - start
        output = sum(path.stat().st_size for path in Path(folder).iterdir())
    return Trial(scan.name, scan.size_mb, output / 1e6, seconds)


def print_plan(plan: PreparationPlan, dataset: Dataset, target: Target, workers: int) -> None:
    """Print the cases, and below them what is to be done and what it costs."""
    table = Table("case", "input (MB)", "size (i, j, k)", "spacing (mm)", "annotated organs (mL)", "state")
    for scan in plan.scans:
        table.add_row(scan.name, f"{scan.size_mb:.1f}", *_cells(scan, plan.done.get(scan.name), target))
    print_lines(table, plan_lines(plan, dataset, workers))


def _cells(scan: Scan, done: Preparation | None, target: Target) -> list[str]:
    """Cells of a case: its size and volumes only where it is prepared."""
    if done is None:
        return ["", "", listed(scan.annotated) or "-", "to do"]
    return [size_cell(done), spacing_cell(done), organ_cell(done, target.pixel_spacing_mm), "done"]


def plan_lines(plan: PreparationPlan, dataset: Dataset, workers: int) -> list[str]:
    """Sentences about what is to be done and what it costs.

    Args:
        plan: of the cases.
        dataset: that they are of.
        workers: number of processes; 0 stands for this one.
    """
    missing, trial = plan.missing, plan.trial
    lines = [f"Layout {dataset.layout}; cases: {len(plan.scans)} in {_total_mb(plan.scans):.1f} MB; "
             f"done: {len(plan.done)}."]
    if dataset.unused:
        lines.append(f"Labels of the data set that become nothing: {listed(dataset.unused)}.")
    if trial is None:
        return [*lines, "Nothing is left to do."]
    share = _total_mb(missing) / trial.input_mb
    together = max(1, min(workers, len(missing)))
    return [
        *lines,
        f"{trial.case}, the smallest to do, took {trial.seconds:.1f} s and became {trial.output_mb:.2f} MB.",
        f"To do: {len(missing)}, {share:.1f} times its size on disk, with {together} at once: about "
        f"{max(1, round(share * trial.seconds / together / 60))} min and {share * trial.output_mb:.1f} MB.",
    ]


def _total_mb(scans: Sequence[Scan]) -> float:
    return sum(scan.size_mb for scan in scans)


def print_report(
    dataset: Dataset, preparations: Sequence[Preparation], out: Path, organs: Sequence[Label], pixel_spacing_mm: float
) -> None:
    """Print the table, and below it what the table does not show."""
    print_lines(case_table(preparations, pixel_spacing_mm), remarks(dataset, preparations, out, organs))


def print_lines(table: Table, lines: Sequence[str]) -> None:
    """Print a table and the lines below it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    console.print(table)
    for line in lines:
        console.print(line, markup=False)


def case_table(preparations: Sequence[Preparation], pixel_spacing_mm: float) -> Table:
    """A table with one row per case."""
    table = Table("case", "size (i, j, k)", "spacing (mm)", "slices", "annotated organs (mL)", "remarks")
    for one in preparations:
        table.add_row(one.case.name, size_cell(one), spacing_cell(one), str(one.case.slices),
                      organ_cell(one, pixel_spacing_mm), "; ".join(_remarks_on(one)))
    return table


def size_cell(one: Preparation) -> str:
    """Size of a scan in voxels."""
    return " x ".join(map(str, one.size))


def spacing_cell(one: Preparation) -> str:
    """Spacing of a scan in mm."""
    return " x ".join(f"{mm:.3g}" for mm in one.spacing_mm)


def organ_cell(one: Preparation, pixel_spacing_mm: float) -> str:
    """Known organs of a scan with their volumes in mL."""
    return ", ".join(f"{name} {ml:.0f}" for name, ml in one.organ_ml(pixel_spacing_mm).items()) or "-"


def remarks(
    dataset: Dataset, preparations: Sequence[Preparation], out: Path, organs: Sequence[Label]
) -> list[str]:
    """Sentences about all cases together."""
    names = {one.case.name for one in preparations}
    test = [scan.name for scan in dataset.scans.values() if scan.is_test]
    annotated = {name for one in preparations for name in one.case.annotated}
    missing = [organ.name for organ in organs if organ.name not in annotated]
    slices = sum(one.case.slices for one in preparations)
    lines = [f"{counted(len(preparations), 'case')}, {counted(slices, 'slice')} in {out}."]
    if dataset.unused:
        lines.append(f"Labels of the data set that become nothing: {listed(dataset.unused)}.")
    if missing:
        lines.append(f"Organs that no case annotates: {listed(missing)}.")
    if left_out := [name for name in test if name not in names]:
        lines.append(f"Labelled test cases that were left out (--with-test takes them): {listed(left_out)}.")
    if taken := [name for name in test if name in names]:
        lines.append(f"Test cases of the data set, not to be trained on: {listed(taken)}.")
    return lines


def _remarks_on(one: Preparation) -> list[str]:
    case = one.case
    absent = [name for name in case.annotated if not case.voxels[name]]
    found = [] if case.annotated else ["unlabelled"]
    if absent and len(absent) < len(case.annotated):
        found.append(f"no {listed(absent)}")
    if one.ignored:
        found.append(f"{one.ignored} pixels without a valid label")
    return [*found, *(f"accepted: {doubt}" for doubt in one.doubts)]
