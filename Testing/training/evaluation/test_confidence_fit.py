"""The fit finds what was put into made-up observations, and scores each case by what it did not see."""

from __future__ import annotations

import math

import numpy as np
import pytest

from MISTKDSegmentLib.inference.signals import OrganSignals
from MISTKDSegmentLib.model.confidence import logistic
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.judgement import log_odds
from MISTKDSegmentLib.report.table import OrganRow
from Training.evaluation.confidence_fit import Reference, cross_fit, fit, score, with_limits
from Training.evaluation.confidence_report import ablation, figures, measure_confidence, scores_of
from Training.evaluation.observations import OTHER_PIXELS, Observation

LIVER, SPLEEN = (label for label in ABDOMEN_LABELS if label.name in ("liver", "spleen"))
REFERENCES = {"x": {"liver": Reference(1500.0, 110.0, False), "spleen": Reference(250.0, 120.0, False)},
              "y": {"liver": Reference(1600.0, 100.0, False), "spleen": Reference(150.0, 110.0, False)}}


def observation(case, damage, label, soft_dice, dice, *, is_there=True, peak=0.9):
    is_found = soft_dice > 0
    row = OrganRow(label, 1500.0 if is_found else 0.0, 105.0, 1000 * is_found, False)
    signals = OrganSignals(soft_dice=soft_dice, peak=peak, mass_ml=1.0)
    return Observation(case, damage, row, signals, dice, is_there, {OTHER_PIXELS: soft_dice})


def copies(case, slope=1.5, offset=-0.5):
    """Dice is logistic in what the network believes; some livers are not found, and half of those are not there."""
    random = np.random.default_rng(len(case) + ord(case[0]))
    for number, belief in enumerate(np.linspace(0.3, 0.97, 30)):
        damage = f"damage {number}" if number else "plain"
        for label in (LIVER, SPLEEN):
            dice = logistic(slope * log_odds(belief) + offset + random.normal(0, 0.1))
            yield observation(case, damage, label, belief, dice)
    for number in range(20):
        missed = number % 2 == 0
        yield observation(case, f"lost {number}", LIVER, 0.0, 0.0 if missed else math.nan, is_there=missed,
                          peak=0.45 if missed else 0.05)


SEEN = [one for case in "abc" for one in copies(case)]


def test_what_was_put_in_is_found():
    confidence = fit(SEEN, REFERENCES, ["soft_dice_odds"])
    for belief in (0.5, 0.8, 0.95):
        one = observation("z", "plain", SPLEEN, belief, math.nan)
        assert score([one], confidence) == pytest.approx([logistic(1.5 * log_odds(belief) - 0.5)], abs=0.03)


def test_absence_is_believed_where_nothing_speaks_against_it():
    confidence = fit(SEEN, REFERENCES)
    sure, unsure = score([observation("z", "plain", LIVER, 0.0, math.nan, peak=peak) for peak in (0.02, 0.49)],
                         confidence)
    assert sure > 0.8 and unsure < 0.2


def test_signals_never_count_the_wrong_way():
    upside_down = [observation(one.case, one.damage, one.row.label, one.signals.soft_dice, 1 - one.dice)
                   for one in SEEN if one.is_found]
    assert fit(upside_down, REFERENCES).terms["soft_dice_odds"].weight == 0


def test_typical_organs_are_those_of_the_references():
    organs = fit(SEEN, REFERENCES).organs
    assert organs["liver"].log_ml == pytest.approx(math.log(1500 * 1600) / 2)
    assert (organs["liver"].hu, organs["liver"].hu_sd) == (105.0, 30.0)
    assert "aorta" not in organs


def test_each_case_is_scored_without_itself():
    odd = [observation("d", one.damage, one.row.label, one.signals.soft_dice, 0.5) for one in copies("a")
           if one.is_found]
    judged = cross_fit([*SEEN, *odd], REFERENCES)
    alone = score(odd, fit(SEEN, REFERENCES))
    own = judged.of(lambda one: one.case == "d")
    np.testing.assert_allclose(own.score, alone)


def test_figures_of_a_perfect_score():
    judged = cross_fit(SEEN, REFERENCES)
    found = figures(judged.scored_by(lambda one: one.dice if one.is_found else float(not one.is_there)))
    assert (found["roc_area"], found["failures_caught"], found["mean_error"]) == (1.0, 1.0, 0.0)
    assert found["aurc"] == found["aurc_ideal"]


def test_all_scores_stand_beside_each_other():
    judged = cross_fit(SEEN, REFERENCES)
    assert list(scores_of(judged)) == ["predicted Dice", "mean probability (expected Dice)",
                                       "agreement with pixels of another size"]
    measured = measure_confidence(judged)
    assert measured["cases"] == ["a", "b", "c"] and measured["plain"]["predicted Dice"]["organs"] == 6
    assert sum(one["count"] for one in measured["calibration"]) == len(SEEN)


def test_the_only_signal_that_says_anything_is_missed():
    worth = ablation(SEEN, REFERENCES)
    assert worth["soft_dice alone"]["aurc"] < worth["hu alone"]["aurc"]


def test_limits_keep_false_alarms_rare():
    judged = cross_fit(SEEN, REFERENCES)
    confidence = with_limits(fit(SEEN, REFERENCES), judged)
    fine = judged.score[judged.outcome > 0.85]
    assert 0.7 <= confidence.look_below <= 0.85 and (fine < confidence.look_below).mean() <= 0.1
