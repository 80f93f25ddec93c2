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
from Testing.benchmarks.operators import Operators
from Testing.benchmarks.process import ArrayRun, CommandLine
from Testing.benchmarks.stages import NETWORK, shares
from Testing.benchmarks.start import Start
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


class Beside(NamedTuple):
    """Another bundle, measured in turn with the one that ships.

    Attributes:
        name: with its version.
        pixel_mm: what its network sees.
        command_line, array: as in `Results`.
        network_s: seconds of the network alone.
    """

    name: str
    pixel_mm: float
    command_line: CommandLine
    array: ArrayRun
    network_s: float


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
        start: of the program.
        operators: of the network.
        load: processes that wanted a core before it all began; None where the system does not tell.
        beside: another bundle.
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
    start: Start
    operators: Operators
    load: float | None = None
    beside: Beside | None = None

    @property
    def of_peak(self) -> float:
        """The network's share of what products of matrices reach."""
        return self.network_gflops / self.matrix_gflops


def bars(results: Results) -> list[Bar]:
    """What was asked for, in the order of the page."""
    student, teacher, peer, *_ = results.compared
    return [
        Bar("Start of the process to `.seg.nrrd` on disk", 2.5, results.command_line.to_disk_s, "s"),
        Bar("Largest memory of that process", 500, results.command_line.peak_mb, "MB"),
        Bar("Array to labels", 1.2, results.array.seconds, "s"),
        Bar("The same with four times as many, thinner slices", 2.6 * results.array.seconds, results.thin.seconds,
            "s"),
        Bar("First slice, once scan and model are ready", 0.15, results.first_slice_s, "s"),
        Bar("Loading the model", 0.5, results.bundle_s, "s"),
        Bar("`mistkd segment --help`", 0.3, results.start.help_s, "s"),
        Bar("Network alone, share of what matrix products reach", 65, 100 * results.of_peak, "%", True),
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
        *conditions(results.bundle), *_how_quiet(results.load), "",
        "## What was asked for", "", *_table(("", "asked", "measured", "met"), map(_bar_row, bars(results))), "",
        f"All outputs with table and picture take {_number(results.command_line.whole_s)} s. The thin slices took "
        f"{_number(results.thin.peak_mb)} MB, of which {_number(results.thin.before_mb)} MB were the program with the "
        "scan in memory; the rest are mostly the labels.", "",
        *_beside(results),
        "## Where the time goes", "", *_table(("stage", "s", "share"), _stage_rows(results.stages)), "",
        "The network computes in threads of its own, beside the other stages. "
        f"Alone, it does {_number(results.network_gflops)} GFLOP/s, which is "
        f"{results.of_peak:.0%} of the {_number(results.matrix_gflops)} GFLOP/s that "
        "products of large float32 matrices reach on the same cores in the same run.", "",
        *_operators(results.operators), *_start(results.start), "## Side by side", "",
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


def _how_quiet(load: float | None) -> list[str]:
    if load is None or load < 0.5:
        return []
    return [f"- The computer was not quiet: {load:.1f} processes wanted a core before the measurement, so that all "
            "times are too long. What stands beside each other was measured in turn."]


def _beside(results: Results) -> list[str]:
    other = results.beside
    if other is None:
        return []
    rows = (("process to `.seg.nrrd`, s", results.command_line.to_disk_s, other.command_line.to_disk_s),
            ("largest memory of it, MB", results.command_line.peak_mb, other.command_line.peak_mb),
            ("array to labels, s", results.array.seconds, other.array.seconds),
            ("network alone, s", results.compared[0].network_s, other.network_s),
            ("pixels, mm", results.bundle.input.pixel_spacing_mm, other.pixel_mm))
    return [f"## Beside {other.name}", "", "Both in the same program, one after the other in each round.", "",
            *_table(("", f"{results.bundle.name} {results.bundle.version}", other.name),
                    ([what, _number(ours), _number(theirs)] for what, ours, theirs in rows)), ""]


def _operators(operators: Operators) -> list[str]:
    total = sum(kind.seconds for kind in operators.kinds)
    rows = [[kind.name, _number(kind.seconds / operators.slices * 1e3), f"{kind.seconds / total:.0%}",
             _number(kind.operations / kind.seconds / 1e9), _number(kind.bytes / kind.seconds / 1e9),
             "computing" if kind.operations / operators.peak > kind.bytes / operators.bandwidth else "memory",
             f"{operators.roof_s(kind) / kind.seconds:.0%}"] for kind in operators.kinds]
    return ["### What bounds the network", "",
            f"One core, a batch of {operators.slices} slices, each operator in its fastest run. Products of large "
            f"matrices reach {_number(operators.peak / 1e9)} GFLOP/s there, and copying in memory "
            f"{_number(operators.bandwidth / 1e9)} GB/s; the lower of the two limits bounds an operator. Caches may "
            "give more than memory does.", "",
            *_table(("operators", "ms a slice", "share", "GFLOP/s", "GB/s", "bound by", "of that limit"), rows), ""]


def _start(start: Start) -> list[str]:
    packages = dict.fromkeys([*start.run_imports, *start.help_imports])
    rows = [[package, _number(start.help_imports.get(package)), _number(start.run_imports.get(package))]
            for package in sorted(packages, key=lambda package: -start.run_imports.get(package, 0.0))]
    return ["### What the start imports", "", "Seconds in the modules of each package, as `python -X importtime` "
            "tells, which itself takes time; PIL comes after the segmentation is written.", "",
            *_table(("package", "`--help`, s", "a scan, s"), rows), ""]


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
