"""What `prepare` tells at its end: a table of the cases, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from MISTKDSegmentLib.model.labels import Label
from Training.data.prepare_case import Preparation
from Training.data.scans import Dataset, counted, listed

_WIDTH = 160  # where nobody looks, in a log file


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
    """One row per case."""
    table = Table("case", "size (i, j, k)", "spacing (mm)", "slices", "known organs (mL)", "remarks")
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
    """What is to be known about all cases together, one sentence each."""
    names = {one.case.name for one in preparations}
    test = [scan.name for scan in dataset.scans.values() if scan.is_test]
    told = {name for one in preparations for name in one.case.known}
    untold = [organ.name for organ in organs if organ.name not in told]
    slices = sum(one.case.slices for one in preparations)
    lines = [f"{counted(len(preparations), 'case')}, {counted(slices, 'slice')} in {out}."]
    if dataset.unused:
        lines.append(f"Labels of the data set that become nothing: {listed(dataset.unused)}.")
    if untold:
        lines.append(f"Organs that no case tells: {listed(untold)}.")
    if left_out := [name for name in test if name not in names]:
        lines.append(f"Labelled test cases that were left out (--with-test takes them): {listed(left_out)}.")
    if taken := [name for name in test if name in names]:
        lines.append(f"Test cases of the data set, not to be trained on: {listed(taken)}.")
    return lines


def _remarks_on(one: Preparation) -> list[str]:
    case = one.case
    absent = [name for name in case.known if not case.voxels[name]]
    found = [] if case.known else ["unlabelled"]
    if absent and len(absent) < len(case.known):
        found.append(f"no {listed(absent)}")
    if one.ignored:
        found.append(f"{one.ignored} pixels unknown")
    return [*found, *(f"accepted: {doubt}" for doubt in one.doubts)]
