"""Choose the post-processing of each organ on validation scans and write it into the bundle, as nnU-Net does."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from rich.progress import track

from MISTKDSegmentLib.model.bundle import load_bundle
from Training.bundle.card import rule_in_words
from Training.bundle.description import update_description
from Training.cli.command import parse, run_command, script_parser
from Training.cli.scan_options import add_scan_options, labelled_scans
from Training.engine.provenance import trained_among
from Training.evaluation.postprocessing import (
    LEAST_GAIN,
    LOGIT_OFFSETS,
    Choice,
    choose,
    score_scan,
    score_together,
    told_together,
)
from Training.evaluation.scores import annotated_organs
from Training.system.files import check_folder
from Training.system.words import counted, listed


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = script_parser("mistkd postprocess", __doc__, "--model FOLDER --data FOLDER")
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="model bundle; it is changed")
    add_scan_options(parser)
    arguments = parse(parser, argv)
    return run_command("mistkd postprocess", lambda: _choose_for(arguments))


def _choose_for(arguments: Namespace) -> None:
    bundle = load_bundle(arguments.model)
    check_folder(arguments.model)
    scans = labelled_scans(arguments, bundle.labels)
    trained = trained_among((scan.name for scan in scans), bundle.provenance)
    if trained:
        print(f"{bundle.name} was trained on {listed(trained)}: what is chosen there is chosen for cases "
              "that it knows by heart.", file=sys.stderr)
    organs = annotated_organs(scans, bundle.labels)
    rows = [score_scan(scan, bundle, organs, arguments.threads)
            for scan in track(scans, description="Scoring", disable=not sys.stderr.isatty())]
    scores = {organ.name: [row[organ.name] for row in rows] for organ in organs}
    choices = choose(scores)
    chosen = replace(bundle, postprocessing={organ: choice.rule for organ, choice in choices.items()})
    after = [score_together(scan, chosen, organs, arguments.threads)
             for scan in track(scans, description="Together", disable=not sys.stderr.isatty())]
    choices = told_together(choices, scores, {organ: [row[organ] for row in after] for organ in choices})
    _write(arguments.model, choices, [scan.name for scan in scans])
    for organ, choice in choices.items():
        print(f"{organ}: {rule_in_words(choice.rule)} (Dice {choice.dice_before:.3f} to {choice.dice_after:.3f} "
              f"on {counted(choice.cases, 'case')})")
        if choice.dice_after < choice.dice_before - LEAST_GAIN:
            print(f"{organ} loses by the rules of the other organs: see whether that is worth what they gain.")
    print(f"{counted(len(choices), 'rule')} written to {arguments.model}")
    if bundle.results or bundle.confidence:
        print("Its figures and calibration were those of the old post-processing, and are gone: mistkd evaluate "
              "--record and mistkd calibrate make them anew.")


def _write(folder: Path, choices: Mapping[str, Choice], cases: Sequence[str]) -> None:
    earned: dict[str, Any] = {organ: {"dice_before": choice.dice_before, "dice_after": choice.dice_after,
                                      "cases": choice.cases} for organ, choice in choices.items()}
    update_description(
        folder,
        postprocessing={organ: asdict(choice.rule) for organ, choice in choices.items()},
        provenance={"postprocessing": {"cases": list(cases), "least_gain": LEAST_GAIN,
                                       "logit_offsets": list(LOGIT_OFFSETS), "organs": earned}},
        # Those of the old post-processing would not be true any more.
        results={}, confidence={},
    )


if __name__ == "__main__":
    sys.exit(main())
