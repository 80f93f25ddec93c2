"""Post-processing is chosen where it gains, left out where it does not, and written into the bundle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from MISTKDSegmentLib.model.bundle import PostProcessing, load_bundle
from Testing.training.made_up_scans import LIVER, MadeUpScan
from Training.data.prepared import IGNORE
from Training.evaluation import scores
from Training.evaluation.metrics import dice
from Training.evaluation.postprocessing import (
    CANDIDATES,
    CLEAN_UPS,
    LEAST_GAIN,
    LOGIT_OFFSETS,
    choose,
    clean_up_scores,
    score_scan,
    told_together,
)

NAN = float("nan")
PARTS = (PostProcessing(), PostProcessing(minimum_ml=0.5), PostProcessing(minimum_ml=2.0),
         PostProcessing(largest_component=True))


def row(*plain, filled=None):
    """Dice of every candidate from that of the four rules without and with filling, the same with every offset."""
    return [value for pair in zip(plain, filled or plain) for value in pair] * len(LOGIT_OFFSETS)


def with_offsets(**by_offset):
    """Dice of every candidate from that with each offset, the same for every clean-up."""
    return [dice for dice in by_offset.values() for _ in CLEAN_UPS]


def chosen(**by_case):
    return {organ: choice.rule for organ, choice in choose(by_case).items()}


def test_candidates():
    assert CANDIDATES[:8] == CLEAN_UPS and not any(rule.logit_offset for rule in CLEAN_UPS)
    assert [CANDIDATES[place] for place in range(0, 8, 2)] == list(PARTS)
    assert all(CANDIDATES[place].fill_holes for place in range(1, 8, 2))


def test_best_mean_is_taken():
    assert chosen(liver=[row(0.8, 0.8, 0.8, 0.9), row(0.7, 0.7, 0.7, 0.8)]) == {"liver": PARTS[3]}


def test_gain_is_told():
    choice = choose({"liver": [row(0.8, 0.8, 0.8, 0.9), row(0.7, 0.7, 0.7, 0.8), row(*[NAN] * 4)]})["liver"]
    assert (choice.dice_before, choice.dice_after, choice.cases) == (pytest.approx(0.75), pytest.approx(0.85), 2)


def test_usual_rule_or_none():
    assert chosen(liver=[row(0.9, 0.9, 0.9, 0.9)], spleen=[row(0.9, 0.8, 0.8, 0.8)]) == {"liver": PARTS[2]}


def test_chance_counts_for_nothing():
    assert chosen(liver=[row(0.9, 0.9, 0.9, 0.9 + LEAST_GAIN / 2)]) == {"liver": PARTS[2]}


def test_usual_then_mildest():
    assert chosen(liver=[row(0.8, 0.9, 0.9, 0.9)]) == {"liver": PARTS[2]}
    assert chosen(liver=[row(0.8, 0.9, 0.8, 0.9)]) == {"liver": PARTS[1]}


def test_filling_must_earn():
    filled = [value + 2 * LEAST_GAIN for value in (0.8, 0.9, 0.9, 0.9)]
    assert chosen(liver=[row(0.8, 0.9, 0.9, 0.9, filled=filled)]) == {
        "liver": PostProcessing(minimum_ml=2.0, fill_holes=True)}
    only_filled = [0.85, *[0.7] * 3]
    assert chosen(liver=[row(0.8, *[0.7] * 3, filled=only_filled)]) == {"liver": PostProcessing(fill_holes=True)}


def test_usual_rule_that_harms_a_case():
    unharmed, harmed = row(*[0.9] * 4), row(0.9, 0.9, 0.9 - 2 * LEAST_GAIN, 0.9)
    assert chosen(aorta=[unharmed, harmed]) == {}
    assert chosen(aorta=[unharmed, row(0.9, 0.9, 0.9 - LEAST_GAIN / 2, 0.9)]) == {"aorta": PARTS[2]}
    # It is not forbidden there: what it earns in other cases may be worth more.
    assert chosen(aorta=[row(0.9, 0.9, 0.85, 0.9), row(0.8, 0.8, 0.9, 0.8)]) == {"aorta": PARTS[2]}


def test_usual_rule_that_harms_with_an_offset_alone():
    harmless, harmful = [0.8] * len(CLEAN_UPS), [0.9] * len(CLEAN_UPS)
    harmful[CLEAN_UPS.index(PARTS[2])] = 0.89
    assert chosen(aorta=[[*harmless, *harmful, *harmless * (len(LOGIT_OFFSETS) - 2)]]) == {
        "aorta": PostProcessing(logit_offset=0.25)}


def test_organ_that_is_not_there_and_found_with_an_offset():
    found = with_offsets(none=NAN, quarter=NAN, half=NAN, most=0.0, less=NAN, least=NAN)
    better = with_offsets(none=0.7, quarter=0.7, half=0.7, most=0.9, less=0.7, least=0.7)
    choice = choose({"gallbladder": [found, better]})["gallbladder"]
    assert choice.rule == PARTS[2] and choice.cases == 2
    # Of the case that is found with one of the offsets alone, nothing is left to score: as good as it gets.
    assert choice.dice_before == choice.dice_after == pytest.approx((1 + 0.7) / 2)


def test_gain_of_all_rules_together():
    scores = {"liver": [row(0.8, 0.8, 0.8, 0.9), row(0.7, 0.7, 0.7, 0.8), row(*[NAN] * 4), row(*[NAN] * 4)]}
    alone = choose(scores)
    # Another organ's rule leaves liver where there is none, in one of the cases that had nothing to score.
    choice = told_together(alone, scores, {"liver": [0.9, 0.6, NAN, 0.0]})["liver"]
    assert choice.rule == alone["liver"].rule and choice.cases == 3
    assert choice.dice_before == pytest.approx((0.8 + 0.7 + 1) / 3)
    assert choice.dice_after == pytest.approx((0.9 + 0.6 + 0) / 3)


def test_largest_part_alone_must_earn_more():
    assert chosen(liver=[row(0.9, 0.9, 0.9, 0.9 + 9 * LEAST_GAIN)]) == {"liver": PARTS[2]}
    assert chosen(liver=[row(0.9, 0.9, 0.9, 0.9 + 11 * LEAST_GAIN)]) == {"liver": PARTS[3]}


def test_second_step_must_earn():
    filled = [value + LEAST_GAIN / 2 for value in (0.8, 0.9, 0.9, 0.9)]
    assert chosen(liver=[row(0.8, 0.9, 0.9, 0.9, filled=filled)]) == {"liver": PARTS[2]}


def test_offset_that_earns():
    earns = with_offsets(none=0.70, quarter=0.71, half=0.72, most=0.7205, less=0.69, least=0.68)
    assert chosen(pancreas=[earns]) == {"pancreas": PostProcessing(minimum_ml=2.0, logit_offset=0.5)}
    smaller = with_offsets(none=0.70, quarter=0.69, half=0.68, most=0.67, less=0.71, least=0.7105)
    assert chosen(pancreas=[smaller]) == {"pancreas": PostProcessing(minimum_ml=2.0, logit_offset=-0.25)}
    chance = with_offsets(none=0.70, quarter=0.7005, half=0.701, most=0.7015, less=0.69, least=0.68)
    assert chosen(pancreas=[chance]) == {"pancreas": PARTS[2]}


def test_nothing_left_to_score():
    # 0.4 without a post-processing, and 0.9 by the rules that leave nothing in the first case.
    assert chosen(gallbladder=[row(0.0, 0.0, 0.0, NAN), row(0.8, 0.8, 0.8, 0.8)]) == {
        "gallbladder": PARTS[3]}


def test_largest_part_without_valid_label():
    labels = liver_with_island()
    reference = np.full(labels.shape, IGNORE, np.uint8)
    reference[:, 6:, 6:] = 0  # around the island
    found = clean_up_scores(labels, reference, LIVER, 2, voxel_ml=0.4)
    assert found[:2] == [0.0, 0.0] and all(math.isnan(value) for value in found[2:])


def test_organ_in_no_case():
    assert choose({"gallbladder": [row(*[NAN] * 4)]}) == {}


def liver_with_island():
    """27 voxels of liver around one voxel of background, and an island of one voxel far away."""
    labels = np.zeros((5, 12, 12), np.uint8)
    labels[1:4, 1:4, 1:4] = LIVER.value
    labels[2, 2, 2] = 0
    labels[1, 9, 9] = LIVER.value
    return labels


def test_scores_by_hand():
    labels = liver_with_island()
    reference = np.zeros(labels.shape, np.uint8)
    reference[1:4, 1:4, 1:4] = 2
    reference[4, 11, 0:3] = 2  # outside of everything predicted
    # 30 real voxels; 27 predicted, 26 of them right; then without the island, and with the hole filled.
    found = dict(zip(CLEAN_UPS, clean_up_scores(labels, reference, LIVER, 2, voxel_ml=0.4), strict=True))
    assert found[PARTS[0]] == pytest.approx(2 * 26 / (27 + 30))
    assert found[PARTS[1]] == pytest.approx(2 * 26 / (26 + 30))
    assert found[PostProcessing(fill_holes=True)] == pytest.approx(2 * 27 / (28 + 30))
    assert found[PostProcessing(largest_component=True, fill_holes=True)] == pytest.approx(2 * 27 / (27 + 30))
    assert found[PARTS[0]] == dice(labels == LIVER.value, reference == 2)


def test_organ_in_a_hole():
    labels = liver_with_island()
    labels[2, 2, 2] = 1
    reference = np.where(labels == LIVER.value, 2, 0).astype(np.uint8)
    assert clean_up_scores(labels, reference, LIVER, 2, voxel_ml=0.4)[:2] == [1.0, 1.0]


def test_ignored_voxels_count_neither_way():
    labels = liver_with_island()
    reference = np.where(labels == LIVER.value, 2, 0).astype(np.uint8)
    reference[1, 9, 9] = IGNORE
    assert clean_up_scores(labels, reference, LIVER, 2, voxel_ml=0.4)[0] == 1.0


def test_absent_and_missed():
    nothing = np.zeros((2, 3, 3), np.uint8)
    assert all(math.isnan(value) for value in clean_up_scores(nothing, nothing, LIVER, 2, 1.0))
    assert clean_up_scores(nothing, nothing + 2, LIVER, 2, 1.0) == [0.0] * len(CLEAN_UPS)


def test_unannotated_organ_is_not_scored(tiny_bundle, monkeypatch):
    monkeypatch.setattr(scores, "segment", lambda volume, bundle, out, *_: iter(()))
    bundle = load_bundle(tiny_bundle)
    scan = MadeUpScan(name="a", annotated=("liver",), real={1: np.s_[0:2, 4:8, 4:8]})
    found = score_scan(scan, bundle, bundle.labels)
    assert found["liver"] == [0.0] * len(CANDIDATES)
    assert all(math.isnan(value) for value in found["spleen"])
