"""The page that shows what was measured, and on what."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.bundle import Bundle
from Testing.benchmarks.growth import Growth
from Testing.benchmarks.process import ArrayRun, CommandLine
from Testing.benchmarks.stages import NETWORK, shares
from Training.engine.provenance import commit, package_version

PACKAGES = ("onnxruntime", "numpy", "SimpleITK", "torch")
COMMAND = "python -m Testing.benchmarks"
PICTURE = "growth.png"


class Compared(NamedTuple):
    """One network beside the others.

    Attributes:
        name: for people.
        megabytes: of its file; None where it has none.
        gflops: operations for the scan, in 1e9; None where they are those of the row above.
        network_s: seconds of the network alone.
        whole_s: seconds from the array to its labels.
        note: what else there is to say.
    """

    name: str
    megabytes: float | None
    gflops: float | None
    network_s: float
    whole_s: float
    note: str = ""


class Bar(NamedTuple):
    """What was asked for and what was measured; `at_least` where more is better."""

    what: str
    asked: float
    measured: float
    unit: str
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.measured >= self.asked if self.at_least else self.measured <= self.asked


@dataclass(frozen=True)
class Results:
    """All that was measured.

    Attributes:
        volume: the standard scan.
        bundle: the model that ships.
        quick: whether the scan and the times of repetition are smaller than they should be.
        command_line: of the scan in a process of its own.
        array: from its array to labels in a process of its own.
        thin: the same with thin slices.
        first_slice_s: to the first slice, once scan and model are ready.
        bundle_s: to load the model.
        stages: seconds per stage.
        matrix_gflops: what this computer reaches in products of matrices.
        network_gflops: what the network reaches, in the same run.
        compared: the student first, then its teacher, then the network of TotalSegmentator, then smaller forms.
        growth: with slices, pixels and threads.
    """

    volume: Volume
    bundle: Bundle
    quick: bool
    command_line: CommandLine
    array: ArrayRun
    thin: ArrayRun
    first_slice_s: float
    bundle_s: float
    stages: Mapping[str, float]
    matrix_gflops: float
    network_gflops: float
    compared: Sequence[Compared]
    growth: Growth


def bars(results: Results) -> list[Bar]:
    """What was asked for, in the order of the page."""
    student, teacher, peer, *_ = results.compared
    return [
        Bar("Start of the process to `.seg.nrrd` on disk", 6.0, results.command_line.to_disk_s, "s"),
        Bar("Largest memory of that process", 700, results.command_line.peak_mb, "MB"),
        Bar("Array to labels", 3.0, results.array.seconds, "s"),
        Bar("The same with four times as many, thinner slices", 3 * results.array.seconds, results.thin.seconds, "s"),
        Bar("First slice, once scan and model are ready", 0.15, results.first_slice_s, "s"),
        Bar("Loading the model", 0.5, results.bundle_s, "s"),
        Bar("Times as fast as the network of TotalSegmentator's fast mode", 40, peer.whole_s / student.whole_s, "",
            True),
        Bar("Times as fast as its teacher", 6, teacher.whole_s / student.whole_s, "", True),
    ]


def page(results: Results) -> str:
    """The page in Markdown."""
    size = " x ".join(map(str, results.volume.voxels.shape[::-1]))
    spacing = " x ".join(f"{mm:g}" for mm in results.volume.spacing_mm)
    quick = ["A quick run on a smaller scan: these figures say nothing of the bars.", ""] if results.quick else []
    return "\n".join([
        "# Speed and memory", "",
        f"Written by `{COMMAND}`; nothing here is edited by hand. One process and no GPU. The scan is a made-up "
        f"abdomen of {size} voxels of {spacing} mm. Times are those of the fastest of several runs.", "", *quick,
        *conditions(results.bundle), "",
        "## What was asked for", "", *_table(("", "asked", "measured", "met"), map(_bar_row, bars(results))), "",
        f"All outputs with table and picture take {_number(results.command_line.whole_s)} s. The thin slices took "
        f"{_number(results.thin.peak_mb)} MB, of which {_number(results.thin.before_mb)} MB were the program with the "
        "scan in memory; the rest are mostly the labels.", "",
        "## Where the time goes", "", *_table(("stage", "s", "share"), _stage_rows(results.stages)), "",
        "The network computes in threads of its own, beside the other stages. "
        f"Alone, it does {_number(results.network_gflops)} GFLOP/s, which is "
        f"{results.network_gflops / results.matrix_gflops:.0%} of the {_number(results.matrix_gflops)} GFLOP/s that "
        "products of large float32 matrices reach on the same cores in the same run.", "",
        "## Side by side", "",
        *_table(("network", "file, MB", "GFLOPs per scan", "network alone, s", "array to labels, s", "student faster"),
                _compared_rows(results.compared)), "",
        *(f"{row.name}: {row.note}" + "\n" for row in results.compared if row.note),
        "## How it grows", "", f"![Seconds over slices, pixels and threads]({PICTURE})", "",
        *_table(("slices", "pixels", "threads", "s"), _growth_rows(results)), ""])


def conditions(bundle: Bundle) -> list[str]:
    """On what was measured, as a list in Markdown."""
    versions = ", ".join(f"{package} {package_version(package)}" for package in PACKAGES)
    return [f"- Processor: {processor()}, {os.cpu_count()} cores; {platform.system()}",
            f"- Python {platform.python_version()}, {versions}",
            f"- Model: {bundle.name} {bundle.version}; commit {commit()}"]


def processor() -> str:
    """What the processor calls itself."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _number(value: float | None) -> str:
    """Three digits, as people write them: 0.0123, 1.23, 123, 1,234."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _bar_row(bar: Bar) -> list[str]:
    asked = f"{'>=' if bar.at_least else '<='} {_number(bar.asked)} {bar.unit}".strip()
    return [bar.what, asked, f"{_number(bar.measured)} {bar.unit}".strip(), "yes" if bar.is_met else "no"]


def _stage_rows(stages: Mapping[str, float]) -> list[list[str]]:
    of_all = shares(stages)
    return [[f"**{stage}**" if stage == NETWORK else stage, f"{seconds:.3f}", f"{of_all[stage]:.0%}"]
            for stage, seconds in stages.items()]


def _compared_rows(compared: Sequence[Compared]) -> list[list[str]]:
    student = compared[0]
    return [[row.name, _number(row.megabytes), _number(row.gflops), _number(row.network_s), _number(row.whole_s),
             f"{_number(row.whole_s / student.whole_s)} x" if row is not student else ""] for row in compared]


def _growth_rows(results: Results) -> list[list[str]]:
    slices, pixels, _ = results.volume.voxels.shape
    rows = [(n, pixels, "all", s) for n, s in results.growth.slices]
    rows += [(slices, n, "all", s) for n, s in results.growth.pixels]
    rows += [(slices, pixels, n, s) for n, s in results.growth.threads]
    return [[str(one), str(other), str(threads), _number(seconds)] for one, other, threads, seconds in rows]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
