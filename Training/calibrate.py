"""Calibrate how good a model says its organs are: on cases that its students never saw, plain and damaged."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from rich.progress import track

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.bundle import Bundle, load_bundle
from Training.bundle.description import update_description
from Training.cli.command import Parser, parse, run_command, script_parser
from Training.cli.scan_options import add_scan_options, chosen_scans, labelled_dataset
from Training.data.scans import Dataset, Scan
from Training.engine.provenance import seen_by
from Training.evaluate import opened_model
from Training.evaluation.confidence_fit import cross_fit, fit, score, with_limits, with_outcome
from Training.evaluation.confidence_report import (
    CONFIDENCE_PLOTS,
    ablation,
    figures_table,
    markdown,
    measure_confidence,
    write_plots,
)
from Training.evaluation.damage import damages
from Training.evaluation.observations import Observation, observe
from Training.evaluation.references import read_references
from Training.evaluation.report import null_for_nan
from Training.system.files import check_folder, make_folder, write_json, write_text
from Training.system.words import counted, listed

FEWEST_CASES = 2  # a case is scored by what was fitted to the others


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(_parser(), argv)
    return run_command("mistkd calibrate", lambda: _run(options))


def _run(options: Namespace) -> None:
    check_folder(options.out)
    bundle = load_bundle(options.model)
    if options.measure and bundle.confidence is None:
        raise InputError(f"{options.model} is not calibrated: leave --measure out, which calibrates it.")
    if not options.measure:
        check_folder(options.model)
    dataset = labelled_dataset(options, bundle.labels)
    scans = chosen_scans(dataset, options)
    with ExitStack() as stack:
        students = [_student(stack.enter_context(opened_model(path)), bundle, path)
                    for path in options.students or [options.model]]
        other = stack.enter_context(opened_model(options.other)) if options.other else None
        pairs = [(student, unseen(scans, student, other)) for student in students]
        names = {scan.name for _, found in pairs for scan in found}
        if len(names) < FEWEST_CASES and not options.measure:
            raise InputError(f"{listed(names)} alone cannot be calibrated on, as each case is scored by what was "
                             "fitted to the others: name more cases.")
        if options.dry_run:
            _say_what_it_does(pairs)
            return
        seen = list(_observed(pairs, options, other))
    if options.measure:
        _measure(seen, bundle, options)
    else:
        _calibrate(seen, bundle, dataset, options, [student.sha256 for student in students])


def _student(student: Bundle, bundle: Bundle, path: Path) -> Bundle:
    """A network of the same kind, post-processed as the bundle is.

    Raises:
        InputError: it is of another kind.
    """
    if student.labels != bundle.labels or student.input != bundle.input:
        raise InputError(f"{path} has other organs or another input than {bundle.folder}: name students of its "
                         "recipe.")
    return replace(student, postprocessing=bundle.postprocessing)


def unseen(scans: Sequence[Scan], *students: Bundle | None) -> list[Scan]:
    """The scans that none of some students was trained on.

    Raises:
        InputError: there is none, or a student does not say what it was trained on.
    """
    trained: set[str] = set()
    for student in filter(None, students):
        known = seen_by(student.provenance)
        if not known:
            raise InputError(f"{student.name} does not say which cases it was trained on, so that none is known to be "
                             "new to it: export it with its provenance.")
        trained |= {*known.values(), *student.provenance.get("data", {}).get("training", ())}
    found = [scan for scan in scans if scan.name not in trained]
    if not found:
        raise InputError(f"a student was trained on all of {listed(scan.name for scan in scans)}: name one that was "
                         "not, such as those of mistkd crossvalidate, or other cases.")
    return found


def _observed(pairs: Sequence[tuple[Bundle, list[Scan]]], options: Namespace,
              other: Bundle | None) -> Iterator[Observation]:
    for student, scans in pairs:
        copies = observe(scans, student, options.out / "observations", threads=options.threads, other=other)
        total = len(scans) * len(damages(student.input.window_hu))
        for organs in track(copies, description="Looking", total=total, disable=not sys.stderr.isatty()):
            yield from organs


def _calibrate(seen: list[Observation], bundle: Bundle, dataset: Dataset, options: Namespace,
               students: Sequence[str]) -> None:
    references = read_references(dataset, bundle.labels, options.out / "references.json")
    judged = cross_fit(seen, references)
    confidence = with_limits(fit(seen, references), judged)
    measured = null_for_nan(measure_confidence(judged))
    without = null_for_nan(ablation(seen, references)) if options.ablation else {}
    _write(options.out, measured, without)
    write_plots(judged, options.out / CONFIDENCE_PLOTS)
    write_plots(judged, options.model / CONFIDENCE_PLOTS)
    update_description(options.model, confidence=asdict(confidence),
                       provenance={"confidence": {"students": list(students), **measured}})
    print(f"Calibrated: {options.model}; written: confidence.md, .json and .png in {options.out}")


def _measure(seen: list[Observation], bundle: Bundle, options: Namespace) -> None:
    assert bundle.confidence is not None
    known = [one for one in seen if one.row.label.name in bundle.confidence.organs]
    judged = with_outcome(known, score(known, bundle.confidence))
    _write(options.out, null_for_nan(measure_confidence(judged)), {})
    write_plots(judged, options.out / CONFIDENCE_PLOTS)
    fitted = {*bundle.provenance.get("confidence", {}).get("cases", ())} & {one.case for one in seen}
    if fitted:
        print(f"It was calibrated on {listed(sorted(fitted))} as well, which flatters it.")
    print(f"Measured: {options.model}; written: confidence.md, .json and .png in {options.out}")


def _write(folder: Path, measured: dict[str, Any], without: dict[str, Any]) -> None:
    make_folder(folder)
    write_json(folder / "confidence.json", {**measured, "ablation": without})
    write_text(folder / "confidence.md", markdown(measured, without))
    print(figures_table(measured["all"]))


def _say_what_it_does(pairs: Sequence[tuple[Bundle, list[Scan]]]) -> None:
    for student, scans in pairs:
        copies = len(scans) * len(damages(student.input.window_hu))
        print(f"{student.name} {student.sha256[:12]} never saw {listed(scan.name for scan in scans)}: "
              f"{counted(copies, 'copy') if copies == 1 else f'{copies} copies'} to segment, two times each.")


def _parser() -> Parser:
    parser = script_parser("mistkd calibrate", __doc__, "--model BUNDLE --data FOLDER --out FOLDER",
                           dry_run="which student looks at which cases")
    parser.add_argument("--model", type=Path, required=True, metavar="BUNDLE", help="model bundle; it is changed")
    parser.add_argument("--students", type=Path, nargs="+", metavar="PATH",
                        help="bundles or checkpoints of the same recipe; each looks at the cases that it was not "
                        "trained on. Left out, the model itself")
    add_scan_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                        help="where confidence.md, .json and .png go, and what was looked at, which is not done again")
    parser.add_argument("--other", type=Path, metavar="PATH",
                        help="one more student that saw none of these cases: the agreement of two is measured as well")
    parser.add_argument("--ablation", action="store_true", help="find out what each signal is worth")
    parser.add_argument("--measure", action="store_true",
                        help="measure the calibration that the model has on these cases, and change nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
