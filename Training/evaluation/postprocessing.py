"""The post-processing of each organ, chosen on validation scans, as nnU-Net does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from MISTKDSegmentLib.geometry.box import bounding_box
from MISTKDSegmentLib.inference.postprocess import postprocess
from MISTKDSegmentLib.model.bundle import Bundle, PostProcessing
from MISTKDSegmentLib.model.labels import Label
from Training.data.prepared import IGNORE
from Training.data.scans import Scan
from Training.evaluation.scores import channel_of, read_labelled, segmented

# No larger minimum: in thick slices an organ such as the pancreas comes in several parts of 10 mL.
_PARTS = (
    PostProcessing(),
    PostProcessing(minimum_ml=0.5),
    PostProcessing(minimum_ml=2.0),
    PostProcessing(largest_component=True),
)
CLEAN_UPS = tuple(replace(rule, fill_holes=fill) for rule in _PARTS for fill in (False, True))
# No more than this: an organ that needs it is missed, not seen too small.
LOGIT_OFFSETS = (0.0, 0.25, 0.5, 0.75, -0.25, -0.5)
_OFFSET_STEP = 0.25
# From doing nothing to doing much: of rules that are worth the same, the one that does least is taken.
CANDIDATES = tuple(replace(rule, logit_offset=offset) for offset in LOGIT_OFFSETS for rule in CLEAN_UPS)
# Specks are nearly always wrong, and scans that reach further than the validation cases have more of them. It has to
# earn nothing, unless it costs a case more than `LEAST_GAIN`: then its specks are pieces of the organ, and it must
# earn its place as any other rule.
USUAL = PostProcessing(minimum_ml=2.0)
# Dropping other parts than the usual rule does, filling holes, and each step of the offset must earn more than this
# mean Dice: less is chance in a handful of cases.
LEAST_GAIN = 0.001
# So many times that, where the largest part alone is kept: thick or few slices cut an organ into parts that are all
# real, and the cases that it is chosen on may not show it.
_LARGEST_ALONE = 10


def _steps(rule: PostProcessing, usual: PostProcessing) -> float:
    """How many times `LEAST_GAIN` a rule must earn."""
    parts = replace(rule, fill_holes=False, logit_offset=0.0)
    of_parts = _LARGEST_ALONE if rule.largest_component else parts != usual
    return of_parts + rule.fill_holes + abs(rule.logit_offset) / _OFFSET_STEP


_NOTHING, _USUAL = CLEAN_UPS.index(PostProcessing()), CLEAN_UPS.index(USUAL)

Scores = Mapping[str, Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Choice:
    """The rule of one organ and what it earned.

    Attributes:
        rule: the post-processing.
        dice_before, dice_after: mean Dice without and with it; 1 where a case neither has nor shows the organ.
        cases: number of cases that have the organ, or that show it before, after or by another of the candidates.
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
        Rules of the organs, `USUAL` where no other earns its place; none where nothing is best.
    """
    choices = {}
    for organ, by_case in scores.items():
        defined = [row for row in np.asarray(by_case, float) if not np.isnan(row).all()]
        if not defined:
            continue
        dice = _as_good_as_it_gets(defined)
        by_offset = dice.reshape(len(dice), len(LOGIT_OFFSETS), len(CLEAN_UPS))
        harms = np.any(by_offset[..., _USUAL] < by_offset[..., _NOTHING] - LEAST_GAIN, axis=0)
        usual = [PostProcessing() if harm else USUAL for harm in harms for _ in CLEAN_UPS]
        steps = np.array([_steps(rule, one) for rule, one in zip(CANDIDATES, usual)])
        worth = dice.mean(0) - LEAST_GAIN * steps
        best = min(np.flatnonzero(worth >= worth.max() - 1e-9), key=lambda place: steps[place])
        if best != _NOTHING:
            before, after = (float(dice[:, place].mean()) for place in (_NOTHING, best))
            choices[organ] = Choice(CANDIDATES[best], before, after, len(defined))
    return choices


def told_together(choices: Mapping[str, Choice], scores: Scores,
                  together: Mapping[str, Sequence[float]]) -> dict[str, Choice]:
    """The same choices with the Dice that all rules at work leave: one organ's gain may be another's loss.

    Args:
        choices: what `choose` found.
        scores: from which.
        together: per organ and case, what `score_together` found.
    """
    told = {}
    for organ, choice in choices.items():
        rows = np.column_stack([np.asarray(scores[organ], float), together[organ]])
        dice = _as_good_as_it_gets(rows[~np.isnan(rows).all(1)])
        before, after = (float(dice[:, place].mean()) for place in (_NOTHING, -1))
        told[organ] = replace(choice, dice_before=before, dice_after=after, cases=len(dice))
    return told


def _as_good_as_it_gets(dice: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """Dice with 1 where an organ is not there and nothing of it is found, which leaves nothing to score."""
    return np.nan_to_num(np.asarray(dice, float), nan=1.0)


def score_scan(scan: Scan, bundle: Bundle, organs: Sequence[Label], threads: int = 0) -> dict[str, list[float]]:
    """Dice of every organ of one scan under each of `CANDIDATES`; NaN where its reference does not annotate the organ.

    Raises:
        InputError: if the scan or its reference cannot be used.
    """
    volume, reference = read_labelled(scan)
    found: dict[str, list[float]] = {organ.name: [] for organ in organs}
    for offset in LOGIT_OFFSETS:
        # All organs at once: what they gain or lose is mostly background. `score_together` tells what comes of it.
        moved = {label.name: PostProcessing(logit_offset=offset) for label in bundle.labels}
        labels = segmented(volume, replace(bundle, postprocessing=moved), threads=threads)
        for organ in organs:
            found[organ.name] += (
                clean_up_scores(labels, reference, organ, channel_of(organ, bundle.labels), volume.voxel_ml)
                if organ.name in scan.annotated else [float("nan")] * len(CLEAN_UPS))
    return found


def score_together(scan: Scan, bundle: Bundle, organs: Sequence[Label], threads: int = 0) -> dict[str, float]:
    """Dice of every organ of one scan as the bundle's rules leave it, all of them at work; NaN as of `score_scan`.

    Raises:
        InputError: if the scan or its reference cannot be used.
    """
    volume, reference = read_labelled(scan)
    labels = segmented(volume, bundle, threads=threads)
    return {organ.name: clean_up_scores(labels, reference, organ, channel_of(organ, bundle.labels),
                                        volume.voxel_ml)[_NOTHING] if organ.name in scan.annotated else float("nan")
            for organ in organs}


def clean_up_scores(labels: np.ndarray, reference: np.ndarray, organ: Label, channel: int,
                    voxel_ml: float) -> list[float]:
    """Dice of one organ under each of `CLEAN_UPS`; only the part of the scan around the organ is looked at.

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
        return [0.0 if size else float("nan")] * len(CLEAN_UPS)
    real, valid = reference[box] == channel, reference[box] != IGNORE
    return [_dice(labels[box], real, valid, size, organ, rule, voxel_ml) for rule in CLEAN_UPS]


def _dice(labels: np.ndarray, real: np.ndarray, valid: np.ndarray, size: int, organ: Label, rule: PostProcessing,
          voxel_ml: float) -> float:
    cleaned = labels.copy()
    postprocess(cleaned, [organ], {organ.name: rule}, voxel_ml)
    prediction = (cleaned == organ.value) & valid
    total = int(np.count_nonzero(prediction)) + size
    return 2.0 * int(np.count_nonzero(prediction & real)) / total if total else float("nan")
