"""Choose the clean-up of each organ on validation scans and write it into the bundle, as nnU-Net does."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.progress import track

from MISTKDSegmentLib.bundle import Bundle, PostProcessing, load_bundle
from MISTKDSegmentLib.postprocess import postprocess
from MISTKDSegmentLib.reading import read_label_map, read_volume
from MISTKDSegmentLib.runner import segment
from Training.command import run_command
from Training.dataset import LabelledScan, Organ, find_cases, match_organs, read_dataset, select_cases
from Training.description import update_description
from Training.metrics import dice

# From doing nothing to doing much: of rules that score alike, the first is taken.
CANDIDATES = (
    PostProcessing(),
    PostProcessing(minimum_ml=0.5),
    PostProcessing(minimum_ml=2.0),
    PostProcessing(minimum_ml=10.0),
    PostProcessing(largest_component=True),
)
# A rule must earn this much mean Dice: less is chance in a handful of cases.
LEAST_GAIN = 0.001

Scores = dict[str, list[list[float]]]


def choose(scores: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, PostProcessing]:
    """The best rule of each organ.

    Args:
        scores: per organ name and case, the Dice of each of `CANDIDATES`; NaN where the organ is absent from
            prediction and reference.

    Returns:
        Rules of the organs that gain by one.
    """
    rules = {}
    for organ, by_case in scores.items():
        defined = [row for row in np.asarray(by_case, float) if not np.isnan(row).all()]
        if not defined:
            continue
        # Removing all of an organ that is not there leaves nothing to score: as good as it gets.
        means = np.nan_to_num(defined, nan=1.0).mean(0)
        best = int(np.argmax(means >= means.max() - 1e-9))
        if means[best] >= means[0] + LEAST_GAIN:
            rules[organ] = CANDIDATES[best]
    return rules


def score_case(
    case: LabelledScan, bundle: Bundle, organs: Sequence[Organ], threads: int = 0
) -> dict[str, list[float]]:
    """Dice of every organ of one case under each of `CANDIDATES`.

    Raises:
        InputError: if the scan or its label map cannot be used.
    """
    volume, reference = read_volume(case.image), read_label_map(case.label_map).voxels
    labels = np.zeros(volume.voxels.shape, np.uint8)
    for _ in segment(volume, bundle, labels, threads=threads, postprocess=False):
        pass
    return {organ.label.name: [_dice(labels, reference, organ, rule, volume.voxel_ml) for rule in CANDIDATES]
            for organ in organs}


def _dice(labels: np.ndarray, reference: np.ndarray, organ: Organ, rule: PostProcessing, voxel_ml: float) -> float:
    alone = np.where(labels == organ.label.value, labels, 0)
    postprocess(alone, [organ.label], {organ.label.name: rule}, voxel_ml)
    return dice(alone > 0, np.isin(reference, organ.reference_values))


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER", help="model bundle; it is changed")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="nnU-Net raw data set")
    parser.add_argument("--cases", nargs="+", required=True, metavar="CASE", help="validation cases")
    parser.add_argument("--threads", type=int, default=0, help="of onnxruntime; 0 lets it choose")
    args = parser.parse_args(argv)

    def work() -> None:
        rules = _choose_for(args)
        for organ, rule in rules.items():
            kept = "the largest part" if rule.largest_component else f"parts of {rule.minimum_ml} mL and more"
            print(f"{organ}: keep {kept}")
        print(f"{len(rules)} rules written to {args.model}")

    return run_command("postprocessing", work)


def _choose_for(args: argparse.Namespace) -> dict[str, PostProcessing]:
    dataset = read_dataset(args.data)
    cases = select_cases(find_cases(args.data, str(dataset.get("file_ending", ".nii.gz"))), args.cases)
    bundle = load_bundle(args.model)
    organs = match_organs(bundle.labels, dataset["labels"])
    scores: Scores = {organ.label.name: [] for organ in organs}
    for case in track(cases, description="Scoring", disable=not sys.stderr.isatty()):
        for name, row in score_case(case, bundle, organs, args.threads).items():
            scores[name].append(row)
    rules = choose(scores)
    update_description(args.model, postprocessing={organ: asdict(rule) for organ, rule in rules.items()},
                       results={})  # those of the old clean-up would not be true any more
    return rules


if __name__ == "__main__":
    sys.exit(main())
