"""Score a model on labelled scans through the inference code that ships: Dice and distances."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jsonargparse import Namespace
from rich.console import Console
from rich.progress import Progress

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.bundle import DESCRIPTION_FILE, Bundle, load_bundle
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.report.overlay import write_overlay
from Training.bundle.card import flattery
from Training.bundle.description import read_description, update_description, write_description
from Training.bundle.export import export_trained
from Training.cli.command import Parser, parse, run_command, script_parser
from Training.cli.scan_options import add_scan_options, chosen_scans, labelled_dataset
from Training.data.scans import Dataset, Scan
from Training.engine.checkpoints import read_trained
from Training.engine.provenance import package_version
from Training.evaluation.failures import Failures
from Training.evaluation.inference_cost import cost_lines, measure_inference, size_line
from Training.evaluation.metrics import PROTOCOLS
from Training.evaluation.report import null_for_nan, print_scores, write_results
from Training.evaluation.scores import (
    BOOTSTRAP_RESAMPLES,
    BOOTSTRAP_SEED,
    Advance,
    CaseScores,
    Show,
    annotated_organs,
    mean_dice,
    score_case,
    summarise,
)
from Training.evaluation.simulated_phases import PHASES, PLAIN, phase_dice, phase_table, scans_in
from Training.system.files import check_folder, make_folder, write_json, write_text
from Training.system.words import listed


def main(argv: Sequence[str] | None = None) -> int:
    """Command line: 0 on success, the error's exit code and one line on standard error otherwise."""
    arguments = parse(_parser(), argv)
    return run_command("mistkd evaluate", lambda: _evaluate(arguments))


@contextmanager
def opened_model(path: Path) -> Iterator[Bundle]:
    """A bundle, or the one that a checkpoint would be exported to, which is gone after the block.

    Raises:
        BundleError: the bundle cannot be used.
        InputError: the checkpoint cannot be used, or the folder is that of a run.
    """
    if not (path / DESCRIPTION_FILE).exists() and (path / "bundle" / DESCRIPTION_FILE).exists():
        raise InputError(f"{path} is the folder of a run: name its bundle, {path / 'bundle'}.")
    if path.suffix != ".ckpt":
        yield load_bundle(path)
        return
    with TemporaryDirectory() as folder:
        # Folder and file tell two networks apart; where they lie is nobody else's business.
        name = f"{path.resolve().parent.name}/{path.name}"
        yield export_trained(read_trained(path), Path(folder), name=name, version="checkpoint")


def _evaluate(arguments: Namespace) -> None:
    check_folder(arguments.out)
    arguments.pictures = arguments.pictures or arguments.record_failures is not None
    if arguments.record or arguments.record_failures is not None:
        _check_recordable(arguments.model)
    with opened_model(arguments.model) as bundle:
        dataset = labelled_dataset(arguments, bundle.labels)
        scans = chosen_scans(dataset, arguments)
        organs = annotated_organs(scans, bundle.labels)
        console = Console(markup=False, highlight=False)
        _say_what_is_left_out(bundle, dataset, organs, console)
        if arguments.dry_run:
            _say_what_it_costs(scans, bundle, arguments.threads, console)
            return
        make_folder(arguments.out / "pictures" if arguments.pictures else arguments.out)
        results = _score_all(scans, bundle, organs, arguments)
        facts = _facts(bundle, dataset, arguments.threads)
        write_results(arguments.out, results, facts, organs)
        if arguments.record:
            _record(arguments.model, {"cases": [result.case for result in results], **facts, "protocols": PROTOCOLS,
                                      **summarise(results)})
        print_scores(results, f"{bundle.name} {bundle.version}", console)
        if arguments.phases:
            _score_phases(scans, results, bundle, organs, arguments, facts)
        if flattering := flattery([result.case for result in results], bundle.provenance):
            console.print(" ".join(flattering), soft_wrap=True)
        console.print(f"Written: results.csv, results.json and dice.png in {arguments.out}")


def _score_phases(scans: Sequence[Scan], plain: list[CaseScores], bundle: Bundle, organs: Sequence[Label],
                  arguments: Namespace, facts: dict[str, Any]) -> None:
    results = {PLAIN: plain}
    without_pictures = arguments.clone()
    without_pictures.pictures = False
    for phase in PHASES:
        simulated = scans_in(phase, scans, bundle.input.window_hu)
        results[phase] = _score_all(simulated, bundle, organs, without_pictures)
        make_folder(arguments.out / phase)
        write_results(arguments.out / phase, results[phase], facts | {"simulated_phase": phase}, organs)
    dice = phase_dice(results)
    write_json(arguments.out / "phases.json", null_for_nan({**facts, "dice": dice}))
    write_text(arguments.out / "phases.md", phase_table(dice) + "\n")
    means = ", ".join(f"{phase} {dice[phase]['mean']:.3f}" for phase in dice)
    print(f"Mean Dice by simulated contrast phase: {means}; written: phases.md and phases.json")


def _record(model: Path, results: dict[str, Any]) -> None:
    description = read_description(model)
    # The figures are this network's own now, whosever they were.
    provenance = {key: value for key, value in description["provenance"].items() if key != "measured"}
    write_description(model, description | {"results": null_for_nan(results), "provenance": provenance})


def _check_recordable(model: Path) -> None:
    if model.suffix == ".ckpt":
        raise InputError(f"{model} is a checkpoint, which keeps no results: export it to record them.")
    check_folder(model)


def _say_what_it_costs(scans: Sequence[Scan], bundle: Bundle, threads: int, console: Console) -> None:
    cost = measure_inference(scans[0], bundle, threads=threads)
    size = size_line(bundle.network, cost.size, len(bundle.input.context_offsets_mm))
    for line in (f"Dry run of {bundle.name} {bundle.version} on {listed(scan.name for scan in scans)}.",
                 f"{size} {_trained_size(bundle)}", *cost_lines(cost, scans)):
        console.print(line, soft_wrap=True)


def _trained_size(bundle: Bundle) -> str:
    """Why a training, its card and the README speak of more parameters."""
    counts = bundle.provenance.get("parameters", {})
    trained = counts.get("student", counts.get("teacher"))
    without = "coarse heads of the training are left out and norms merged"
    return f"It was trained with {trained:,}: {without}." if trained else f"The {without}."


def _score_all(scans: Sequence[Scan], bundle: Bundle, organs: Sequence[Label],
               arguments: Namespace) -> list[CaseScores]:
    results: list[CaseScores] = []
    failures = Failures(bundle.labels, bundle.input.window_hu)
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for number, scan in enumerate(scans, 1):
            advance = _bar(progress, f"{scan.name} ({number}/{len(scans)})")
            show = _painter(scan, bundle, failures, arguments.out / "pictures") if arguments.pictures else None
            results.append(score_case(scan, bundle, organs, threads=arguments.threads, advance=advance, show=show))
            if not console.is_terminal:
                console.print(_case_line(results[-1], f"{number} of {len(scans)}"), soft_wrap=True)
    if arguments.pictures:
        _write_failures(failures, arguments)
    return results


def _write_failures(failures: Failures, arguments: Namespace) -> None:
    reference = arguments.record_failures
    failures.write(arguments.out, reference or "reference")
    if reference is not None and failures.worst():
        failures.write(arguments.model, reference)
        update_description(arguments.model, provenance={"failures": {"reference": reference}})


def _case_line(result: CaseScores, place: str) -> str:
    dice = mean_dice([result])
    return f"{result.case} ({place}): mean Dice {'-' if np.isnan(dice) else f'{dice:.3f}'}, {result.seconds:.1f} s"


def _bar(progress: Progress, title: str) -> Advance:
    task = progress.add_task(title, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _painter(scan: Scan, bundle: Bundle, failures: Failures, folder: Path) -> Show:
    def paint(volume: Volume, labels: np.ndarray, reference: np.ndarray) -> None:
        named = replace(volume, name=scan.name)
        write_overlay(folder / f"{scan.name}.png", named, labels, bundle.labels)
        failures.look(named, labels, reference, scan.annotated)

    return paint


def _facts(bundle: Bundle, dataset: Dataset, threads: int) -> dict[str, Any]:
    packages = ("numpy", "onnxruntime", "scipy")
    return {
        "bundle": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
        "data": dataset.folder.resolve().name,
        "layout": dataset.layout,
        "threads": threads,
        "host": {"cores": os.cpu_count(), "machine": platform.machine(), "system": platform.system()},
        "versions": {"python": platform.python_version(), **{name: package_version(name) for name in packages}},
        "bootstrap": {"resamples": BOOTSTRAP_RESAMPLES, "seed": BOOTSTRAP_SEED, "unit": "case"},
    }


def _say_what_is_left_out(bundle: Bundle, dataset: Dataset, organs: Sequence[Label], console: Console) -> None:
    left_out = [*(label.name for label in bundle.labels if label not in organs), *dataset.unused]
    if left_out:
        console.print(f"Not scored, as only the model or only the data set has it: {', '.join(left_out)}")


def _parser() -> Parser:
    parser = script_parser("mistkd evaluate", __doc__, "--model PATH --data FOLDER --out FOLDER",
                           dry_run="parameters, FLOPs, memory and time, measured on a few slices of the first case")
    parser.add_argument("--model", type=Path, required=True, metavar="PATH",
                        help="model bundle (folder with model.onnx and model.json) or checkpoint (.ckpt)")
    add_scan_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                        help="where results.csv (distances in mm or voxels, volumes in mL), results.json and "
                        "dice.png go")
    parser.add_argument("--pictures", action="store_true",
                        help="a picture of each segmented case as well, and failures.png: the worst organs of all "
                        "below their reference")
    parser.add_argument("--phases", action="store_true",
                        help="score the same scans with contrast medium taken away and in a simulated arterial phase "
                        "as well: OUT/non-contrast, OUT/arterial and phases.md")
    parser.add_argument("--record", action="store_true",
                        help="write the means into the bundle's model.json and card as well")
    parser.add_argument("--record-failures", metavar="REFERENCE",
                        help="put failures.png into the bundle and its card as well, which then name the REFERENCE, "
                        'e.g. "TotalSegmentator\'s output"; only where the licence of the scans allows it')
    return parser


if __name__ == "__main__":
    sys.exit(main())
