"""Figures of failure detection, on lists short enough to rank by hand."""

from __future__ import annotations

import numpy as np
import pytest

from Training.evaluation.failure_detection import aurc, calibration, caught, look_below, risk_coverage, roc_area

DICE = np.array([0.9, 0.5, 0.95, 0.6])
SCORE = np.array([0.8, 0.3, 0.9, 0.85])


def test_risk_is_that_of_what_is_kept():
    coverage, risk = risk_coverage(SCORE, DICE)
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1.0])
    # Kept in the order 0.95, 0.6, 0.9, 0.5.
    np.testing.assert_allclose(risk, [0.05, (0.05 + 0.4) / 2, (0.05 + 0.4 + 0.1) / 3, (0.05 + 0.4 + 0.1 + 0.5) / 4])
    assert aurc(SCORE, DICE) == pytest.approx(np.mean(risk))


def test_a_score_that_says_nothing_has_the_mean_risk():
    assert aurc(np.full(4, 0.5), DICE) == pytest.approx(1 - DICE.mean())


def test_no_score_is_better_than_dice_itself():
    assert aurc(DICE, DICE) < aurc(SCORE, DICE) < aurc(-DICE, DICE)


@pytest.mark.parametrize(("score", "area"), [(SCORE, 0.75), (DICE, 1.0), (-DICE, 0.0), (np.ones(4), 0.5)])
def test_roc_area_counts_pairs_in_the_right_order(score, area):
    assert roc_area(score, DICE < 0.7) == area


def test_roc_area_needs_failures_and_successes():
    assert np.isnan(roc_area(SCORE, np.zeros(4, bool)))


def test_the_limit_keeps_false_alarms_rare():
    score, dice = np.linspace(0.5, 0.95, 10), np.full(10, 0.9)
    limit = look_below(score, dice, false_alarms=0.2)
    assert limit == pytest.approx(0.6) and caught(score, dice, limit)[1] == 0.2


def test_failed_and_fine_are_counted_apart():
    failed, fine = caught(SCORE, DICE, 0.82)
    assert (failed, fine) == (0.5, 0.5)
    assert np.isnan(caught(SCORE[:1], DICE[:1], 0.5)[0])


def test_bins_of_a_calibrated_score_lie_on_the_diagonal():
    score = np.repeat(np.linspace(0.1, 0.9, 6), 20)
    bins = calibration(score, score, np.arange(120) % 10)
    assert [one.count for one in bins] == [20] * 6
    for one in bins:
        assert one.predicted == pytest.approx(one.observed) and one.low == pytest.approx(one.high)


def test_the_interval_is_that_of_the_groups():
    # Two groups of 0 and 1: means of two draws are 0, 0.5 or 1.
    dice, groups = np.repeat([0.0, 1.0], 6), np.repeat(["a", "b"], 6)
    (one,) = calibration(np.full(12, 0.5), dice, groups)[:1]
    assert (one.low, one.high) in {(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)}
