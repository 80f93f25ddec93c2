"""Measures speed and memory, and writes the page that shows them.

    .venv/bin/python -m Testing.benchmarks --teacher last.ckpt --beside an/earlier/bundle

Nothing else should run meanwhile; it takes a quarter of an hour on two cores. Needs the extras `training` and `dask`,
and to compare with TotalSegmentator's network `pip install --no-deps dynamic-network-architectures`: without the many
packages that only other networks of that package need.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.slices import slices_to_run
from MISTKDSegmentLib.io.writing import write_scan
from MISTKDSegmentLib.model.bundle import Bundle, default_bundle_folder, load_bundle
from Testing.benchmarks import models, stages, unet
from Testing.benchmarks.child import first_labels_seconds
from Testing.benchmarks.clock import Result, timed
from Testing.benchmarks.growth import draw_growth, measure_growth
from Testing.benchmarks.many import measure_many
from Testing.benchmarks.many_page import PICTURE as MANY_PICTURE
from Testing.benchmarks.many_page import draw_many
from Testing.benchmarks.number_of_scans import measure_numbers
from Testing.benchmarks.operators import measure_operators
from Testing.benchmarks.page import PICTURE, page
from Testing.benchmarks.process import ArrayRun, CommandLine, array_run, command_line
from Testing.benchmarks.results import Beside, Compared, Results, bars
from Testing.benchmarks.scans import LONG_SLICES, standard_scan, thin_scan, with_slices
from Testing.benchmarks.start import measure_start
from Training.evaluation.inference_cost import onnx_gflops

ROOT = Path(__file__).resolve().parents[2]
# Before and after the rest, for a busy moment must not pass for the peak.
MATRIX_SIZE, MATRIX_TIMES = 2048, 20
NO_CHECKPOINT = "with random weights, which do not change the time."


def main() -> None:
    """Measure and write."""
    options = _parser().parse_args()
    start, load = time.monotonic(), load_before()
    with tempfile.TemporaryDirectory() as folder:
        results = _measure(options, Path(folder), load)
    options.out.mkdir(parents=True, exist_ok=True)
    text = page(results)  # before anything is written, which would make the commit a changed one
    draw_growth(results.growth, options.out / PICTURE)
    draw_many(results.many, results.numbers, options.out / MANY_PICTURE)
    (options.out / "README.md").write_text(text, encoding="utf-8")
    missed = [bar.what for bar in bars(results) if not bar.is_met]
    print(f"Wrote {options.out / 'README.md'} in {time.monotonic() - start:.0f} s. Missed: {missed or 'nothing'}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m Testing.benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=default_bundle_folder(), help="bundle of the student")
    parser.add_argument("--teacher", type=Path, metavar="CKPT", help="checkpoint (default: random weights)")
    parser.add_argument("--beside", type=Path, metavar="BUNDLE", help="measured in turn with it, such as a release")
    parser.add_argument("--out", type=Path, default=ROOT / "Resources" / "Benchmarks", help="folder of the page")
    parser.add_argument("--quick", action="store_true", help="a smaller scan, once, one patch of the large network")
    return parser


def _measure(options: argparse.Namespace, folder: Path, load: float | None) -> Results:
    quick, times = options.quick, 1 if options.quick else 3
    bundle, volume, scan = load_bundle(options.model), _said("scan", standard_scan, quick), folder / "scan.nii.gz"
    write_scan(scan, volume)
    peak = stages.matrix_gflops(MATRIX_SIZE, MATRIX_TIMES)
    network = _said("operators", measure_operators, bundle.network, stages.batch_of(volume, bundle),
                    lambda: 1e9 * stages.matrix_gflops_of_core(MATRIX_SIZE // 2, MATRIX_TIMES))
    folders = [options.model, *([options.beside] if options.beside else [])]
    runs = _said("command line", in_turn, lambda model: command_line(scan, model), folders, times)
    arrays = _said("array", in_turn, lambda model: array_run(volume, model, 1), folders, times)
    long = _said("many slices", in_turn, lambda model: array_run(with_slices(volume, LONG_SLICES[quick]), model, 1),
                 folders, 1)
    shares = _said("stages", stages.stage_seconds, scan, bundle, times)
    compared = _compared(volume, bundle, options, folder, times)
    peak = max(peak, stages.matrix_gflops(MATRIX_SIZE, MATRIX_TIMES))
    return Results(
        volume=volume, bundle=bundle, quick=quick, matrix_gflops=peak, stages=shares, compared=compared,
        command_line=min(runs[0], key=lambda run: run.to_disk_s), array=min(arrays[0], key=lambda run: run.seconds),
        load=load, start=_said("start", measure_start, scan, options.model, times), operators=network,
        beside=_beside(volume, options.beside, runs, arrays, long, times) if options.beside else None,
        thin=_said("thin slices", array_run, thin_scan(volume), options.model, times), long=long[0][0],
        serial_s=stages.serial_seconds(volume, bundle, times),
        first_slice_s=stages.first_slice_seconds(volume, bundle, times),
        first_labels_s=_said("first labels", first_labels_seconds, volume, options.model, times),
        bundle_s=stages.bundle_seconds(options.model, times),
        network_gflops=_scan_gflops(volume, bundle) / compared[0].network_s,
        growth=_said("growth", measure_growth, volume, bundle, quick, 1),
        many=_said("many scans", measure_many, volume, options.model, folder / "many", quick),
        numbers=_said("ever more scans", measure_numbers, options.model, folder / "numbers", quick))


def in_turn(measure: Callable[[Path], Result], folders: Sequence[Path], times: int) -> list[list[Result]]:
    """Measure one bundle after the other, several times, so that a busy moment meets all of them."""
    rounds = [[measure(folder) for folder in folders] for _ in range(times)]
    return [list(of_one) for of_one in zip(*rounds)]


def _beside(volume: Volume, folder: Path, runs: Sequence[Sequence[CommandLine]], arrays: Sequence[Sequence[ArrayRun]],
            long: Sequence[Sequence[ArrayRun]], times: int) -> Beside:
    bundle = load_bundle(folder)
    network_s, _ = _said("network beside", stages.network_seconds, volume, bundle, times)
    return Beside(f"{bundle.name} {bundle.version}", bundle.input.pixel_spacing_mm,
                  min(runs[1], key=lambda run: run.to_disk_s), min(arrays[1], key=lambda run: run.seconds), long[1][0],
                  network_s)


def load_before() -> float | None:
    """How many processes wanted a core in the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _compared(volume: Volume, bundle: Bundle, options: argparse.Namespace, folder: Path, times: int) -> list[Compared]:
    def row(name: str, one: Bundle, operations: float | None = None, note: str = "") -> Compared:
        network_s, whole_s = _said(name, stages.network_seconds, volume, one, times)
        return Compared(name, len(one.network) / 1e6, operations, network_s, whole_s, note)

    teacher = models.teacher(options.teacher, bundle, folder / "teacher")
    rows = [row("Student", bundle, _scan_gflops(volume, bundle)),
            row("Teacher", teacher, _scan_gflops(volume, teacher), "" if options.teacher else NO_CHECKPOINT)]
    network_s, whole_s, run, patches = _said("large network", unet.seconds, volume, unet.plain_unet(),
                                             1 if options.quick else None)
    patch = " x ".join(map(str, unet.PATCH))
    note = (f"nnU-Net's PlainConvUNet in PyTorch, {NO_CHECKPOINT} Of {patches} patches of {patch} voxels of "
            f"{unet.SPACING_MM:g} mm, {run} were run" + (", the rest is worked out." if run < patches else "."))
    operations = patches * unet.patch_gflops()
    rows.append(Compared("TotalSegmentator's fast mode", None, operations, network_s, whole_s, note))
    return [*rows, row("Student, weights in 16 bits", models.in_16_bits(bundle)),
            row("Student, computed in 8 bits", models.in_8_bits(bundle, volume))]


def _scan_gflops(volume: Volume, bundle: Bundle) -> float:
    slices = slices_to_run(range(len(volume.voxels)), volume.spacing_mm[2], bundle.input.slice_step_mm)
    shape = (1, len(bundle.input.context_offsets_mm), *stages.grid_of(volume, bundle).size)
    return len(slices) * onnx_gflops(bundle.network, shape)


def _said(what: str, work: Callable[..., Result], *arguments: Any) -> Result:
    """Do some work and say how long it took."""
    seconds, result = timed(lambda: work(*arguments))
    print(f"{what}: {seconds:.1f} s", flush=True)
    return result


if __name__ == "__main__":
    main()
