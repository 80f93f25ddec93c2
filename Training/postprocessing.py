"""Choose the clean-up of each organ on validation scans and write it into the bundle, as nnU-Net does."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import Namespace
from rich.progress import track

from MISTKDSegmentLib.inference.postprocess import bounding_box, postprocess
from MISTKDSegmentLib.model.bundle import Bundle, PostProcessing, load_bundle
from MISTKDSegmentLib.model.labels import Label
from Training.bundle.description import update_description
from Training.card import rule_in_words
from Training.cli.command import run_command
from Training.cli.options import parse
from Training.cli.scan_options import add_scan_options, labelled_scans
from Training.cli.script_parser import script_parser
from Training.data.files import check_folder
from Training.data.prepared import IGNORE
from Training.data.scans import Scan, counted
from Training.evaluation.scores import channel_of, known_organs, read_labelled, segmented

# No larger minimum: in thick slices an organ such as the pancreas comes in several parts of 10 mL.
_PARTS = (
    PostProcessing(),
    PostProcessing(minimum_ml=0.5),
    PostProcessing(minimum_ml=2.0),
    PostProcessing(largest_component=True),
)
# From doing nothing to doing much: of rules that score alike, the usual one is taken, and then the first.
CANDIDATES = tuple(replace(rule, fill_holes=fill) for rule in _PARTS for fill in (False, True))
# Specks are nearly always wrong, and scans that reach further than the validation cases have more of them.
USUAL = PostProcessing(minimum_ml=2.0)
# Dropping other parts than the usual rule does, and filling holes, must earn more than this mean Dice each: less is
# chance in a handful of cases.
LEAST_GAIN = 0.001
_STEPS = np.array([(replace(rule, fill_holes=False) != USUAL) + rule.fill_holes for rule in CANDIDATES])

Scores = Mapping[str, Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Choice:
    """The rule of one organ and what it earned.

    Attributes:
        rule: the clean-up.
        dice_before, dice_after: mean Dice over `cases` without and with it.
        cases: number of cases that have the organ, in the prediction or the reference.
    """

    rule: PostProcessing
    dice_before: float
    dice_after: float
    cases: int


def choose(scores: Scores) -> dict[str, Choice]:
    """The best rule of each organ.

    Args:
        scores: per organ name and case, the Dice of each of `CANDIDATES`; NaN where the organ is absent from
            prediction and reference, or unknown to the reference.

    Returns:
        Rules of the organs that a clean-up does not harm: `USUAL`, where no other earns its place.
    """
    choices = {}
    for organ, by_case in scores.items():
        defined = [row for row in np.asarray(by_case, float) if not np.isnan(row).all()]
        if not defined:
            continue
        # Nothing is left to score where the organ is not there and the largest part, which every rule keeps, lies
        # where the reference does not tell: as good as it gets.
        means = np.nan_to_num(defined, nan=1.0).mean(0)
        worth = means - LEAST_GAIN * _STEPS
        best = int(np.argmax(worth >= worth.max() - 1e-9))
        if best:
            choices[organ] = Choice(CANDIDATES[best], float(means[0]), float(means[best]), len(defined))
    return choices


def score_scan(scan: Scan, bundle: Bundle, organs: Sequence[Label], threads: int = 0) -> dict[str, list[float]]:
    """Dice of every organ of one scan under each of `CANDIDATES`; NaN where its reference does not tell the organ.

    Raises:
        InputError: if the scan or its reference cannot be used.
    """
    volume, reference = read_labelled(scan)
    labels = segmented(volume, bundle, threads=threads, postprocess=False)
    return {
        organ.name: candidate_scores(labels, reference, organ, channel_of(organ, bundle.labels), volume.voxel_ml)
        if organ.name in scan.known else [float("nan")] * len(CANDIDATES)
        for organ in organs
    }


def candidate_scores(labels: np.ndarray, reference: np.ndarray, organ: Label, channel: int,
                     voxel_ml: float) -> list[float]:
    """Dice of one organ under each of `CANDIDATES`; only the part of the scan around the organ is looked at.

    Args:
        labels: uint8 label map (k, j, i) before clean-up.
        reference: uint8 channel numbers and `IGNORE`, of the same shape.
        organ: in `labels`.
        channel: of the organ in `reference`.
        voxel_ml: volume of one voxel.
    """
    size = int(np.count_nonzero(reference == channel))
    box = bounding_box(labels == organ.value)
    if box is None:
        return [0.0 if size else float("nan")] * len(CANDIDATES)
    real, told = reference[box] == channel, reference[box] != IGNORE
    return [_dice(labels[box], real, told, size, organ, rule, voxel_ml) for rule in CANDIDATES]


def _dice(labels: np.ndarray, real: np.ndarray, told: np.ndarray, size: int, organ: Label, rule: PostProcessing,
          voxel_ml: float) -> float:
    cleaned = labels.copy()
    postprocess(cleaned, [organ], {organ.name: rule}, voxel_ml)
    prediction = (cleaned == organ.value) & told
    total = int(np.count_nonzero(prediction)) + size
    return 2.0 * int(np.count_nonzero(prediction & real)) / total if total else float("nan")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = script_parser("postprocessing", __doc__, "--model FOLDER --data FOLDER")
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="model bundle; it is changed")
    add_scan_options(parser)
    arguments = parse(parser, argv)
    return run_command("postprocessing", lambda: _choose_for(arguments))


def _choose_for(arguments: Namespace) -> None:
    bundle = load_bundle(arguments.model)
    check_folder(arguments.model)
    scans = labelled_scans(arguments, bundle.labels)
    organs = known_organs(scans, bundle.labels)
    rows = [score_scan(scan, bundle, organs, arguments.threads)
            for scan in track(scans, description="Scoring", disable=not sys.stderr.isatty())]
    choices = choose({organ.name: [row[organ.name] for row in rows] for organ in organs})
    _write(arguments.model, choices, [scan.name for scan in scans])
    for organ, choice in choices.items():
        print(f"{organ}: {rule_in_words(choice.rule)} (Dice {choice.dice_before:.3f} to {choice.dice_after:.3f} "
              f"on {counted(choice.cases, 'case')})")
    print(f"{counted(len(choices), 'rule')} written to {arguments.model}")


def _write(folder: Path, choices: Mapping[str, Choice], cases: Sequence[str]) -> None:
    earned: dict[str, Any] = {organ: {"dice_before": choice.dice_before, "dice_after": choice.dice_after,
                                      "cases": choice.cases} for organ, choice in choices.items()}
    update_description(
        folder,
        postprocessing={organ: asdict(choice.rule) for organ, choice in choices.items()},
        provenance={"postprocessing": {"cases": list(cases), "least_gain": LEAST_GAIN, "organs": earned}},
        results={},  # those of the old clean-up would not be true any more
    )


if __name__ == "__main__":
    sys.exit(main())
