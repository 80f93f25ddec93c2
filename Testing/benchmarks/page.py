"""The page that shows what was measured, and on what."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from MISTKDSegmentLib.model.bundle import Bundle
from Testing.benchmarks.many_page import many_section
from Testing.benchmarks.markdown import number, table
from Testing.benchmarks.operators import Operators
from Testing.benchmarks.results import Bar, Compared, Results, bars
from Testing.benchmarks.scans import THIN_TIMES
from Testing.benchmarks.stages import NETWORK, shares
from Testing.benchmarks.start import Start
from Training.engine.provenance import commit, package_version

PACKAGES = ("onnxruntime", "numpy", "SimpleITK", "torch")
COMMAND = "python -m Testing.benchmarks"
PICTURE = "growth.png"


def page(results: Results) -> str:
    """The page in Markdown."""
    size = " x ".join(map(str, results.volume.voxels.shape[::-1]))
    spacing = " x ".join(f"{mm:g}" for mm in results.volume.spacing_mm)
    quick = ["A quick run on a smaller scan: these figures say nothing of the bars.", ""] if results.quick else []
    return "\n".join([
        "# Speed and memory", "",
        f"Written by `{COMMAND}`; nothing here is edited by hand. No GPU. The scan is a made-up abdomen of "
        f"{size} voxels of {spacing} mm. Times are those of the fastest of several runs; {results.long_slices:,} "
        "slices, how it grows, and many scans are run once.", "", *quick,
        *conditions(results.bundle), *_how_quiet(results.load), "",
        "## What was asked for", "", *table(("", "asked", "measured", "met"), map(_bar_row, bars(results))), "",
        f"All outputs with table and picture take {number(results.command_line.whole_s)} s.", "",
        "From the array to labels, in a process of its own:", "",
        *table(("", "s", "ms a slice", "largest memory, MB", "program with the scan, MB", "labels, MB"),
               _array_rows(results)), "",
        *_beside(results),
        "## Where the time goes", "", *table(("stage", "s", "share"), _stage_rows(results.stages)), "",
        "The network is loaded, and computes, in threads of its own beside the other stages. "
        f"Alone, it does {number(results.network_gflops)} GFLOP/s, which is "
        f"{results.of_peak:.0%} of the {number(results.matrix_gflops)} GFLOP/s that "
        "products of large float32 matrices reach on the same cores in the same run.", "",
        *_operators(results.operators), *_start(results.start), "## Side by side", "",
        *table(("network", "file, MB", "GFLOPs per scan", "network alone, s", "array to labels, s", "student faster"),
                _compared_rows(results.compared)), "",
        *(f"{row.name}: {row.note}" + "\n" for row in results.compared if row.note),
        "## How it grows", "", f"![Seconds over slices, pixels and threads]({PICTURE})", "",
        *table(("slices", "pixels", "threads", "s"), _growth_rows(results)), "",
        *many_section(results.many, results.numbers, results.quick)])


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
            (f"{results.long_slices:,} slices, s", results.long.seconds, other.long.seconds),
            ("network alone, s", results.compared[0].network_s, other.network_s),
            ("pixels, mm", results.bundle.input.pixel_spacing_mm, other.pixel_mm))
    return [f"## Beside {other.name}", "", "Both in the same program, one after the other in each round.", "",
            *table(("", f"{results.bundle.name} {results.bundle.version}", other.name, "times"),
                   ([what, number(ours), number(theirs), number(ours / theirs)] for what, ours, theirs in rows)), ""]


def _operators(operators: Operators) -> list[str]:
    total = sum(kind.seconds for kind in operators.kinds)
    rows = [[kind.name, number(kind.seconds / operators.slices * 1e3), f"{kind.seconds / total:.0%}",
             number(kind.operations / kind.seconds / 1e9), number(kind.bytes / kind.seconds / 1e9),
             "computing" if kind.operations / operators.peak > kind.bytes / operators.bandwidth else "memory",
             f"{operators.roof_s(kind) / kind.seconds:.0%}"] for kind in operators.kinds]
    return ["### What bounds the network", "",
            f"One core, a batch of {operators.slices} slices, each operator in its fastest run. Products of large "
            f"matrices reach {number(operators.peak / 1e9)} GFLOP/s there, and copying in memory "
            f"{number(operators.bandwidth / 1e9)} GB/s; the lower of the two limits bounds an operator. Caches may "
            "give more than memory does.", "",
            *table(("operators", "ms a slice", "share", "GFLOP/s", "GB/s", "bound by", "of that limit"), rows), ""]


def _start(start: Start) -> list[str]:
    packages = dict.fromkeys([*start.run_imports, *start.help_imports])
    rows = [[package, number(start.help_imports.get(package)), number(start.run_imports.get(package))]
            for package in sorted(packages, key=lambda package: -start.run_imports.get(package, 0.0))]
    return ["### What the start imports", "", "Seconds in the modules of each package, as `python -X importtime` "
            "tells, which itself takes time; PIL comes after the segmentation is written.", "",
            *table(("package", "`--help`, s", "a scan, s"), rows), ""]


def processor() -> str:
    """What the processor calls itself."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _bar_row(bar: Bar) -> list[str]:
    asked = f"{'>=' if bar.at_least else '<='} {number(bar.asked)} {bar.unit}".strip()
    return [bar.what, asked, f"{number(bar.measured)} {bar.unit}".strip(), "yes" if bar.is_met else "no"]


def _array_rows(results: Results) -> list[list[str]]:
    slices, *pixels = results.volume.voxels.shape
    runs = ((f"{slices:,} slices", slices, results.array),
            (f"{THIN_TIMES * slices:,} thin slices", THIN_TIMES * slices, results.thin),
            (f"{results.long_slices:,} slices", results.long_slices, results.long))
    return [[name, *map(number, (run.seconds, 1000 * run.seconds / count, run.peak_mb, run.before_mb,
                                 count * math.prod(pixels) / 1e6))] for name, count, run in runs]


def _stage_rows(stages: Mapping[str, float]) -> list[list[str]]:
    of_all = shares(stages)
    return [[f"**{stage}**" if stage == NETWORK else stage, f"{seconds:.3f}", f"{of_all[stage]:.0%}"]
            for stage, seconds in stages.items()]


def _compared_rows(compared: Sequence[Compared]) -> list[list[str]]:
    student = compared[0]
    return [[row.name, number(row.megabytes), number(row.gflops), number(row.network_s), number(row.whole_s),
             f"{number(row.whole_s / student.whole_s)} x" if row is not student else ""] for row in compared]


def _growth_rows(results: Results) -> list[list[str]]:
    slices, pixels, _ = results.volume.voxels.shape
    rows: list[tuple[int, int, object, float]] = [(n, pixels, "all", s) for n, s in results.growth.slices]
    rows += [(slices, n, "all", s) for n, s in results.growth.pixels]
    rows += [(slices, pixels, n, s) for n, s in results.growth.threads]
    return [[str(one), str(other), str(threads), number(seconds)] for one, other, threads, seconds in rows]
