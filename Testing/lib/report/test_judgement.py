"""How good an organ is likely to be, and why."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from MISTKDSegmentLib import segment
from MISTKDSegmentLib.inference.signals import OrganSignals
from MISTKDSegmentLib.model.confidence import Term
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.judgement import absence_features, features, judged, log_odds
from MISTKDSegmentLib.report.quality import Quality
from MISTKDSegmentLib.report.table import OrganRow, write_csv
from Testing.lib.made_up_confidence import CONFIDENCE, TYPICAL, write_confidence
from Testing.lib.small_scans import write_volume

LEFT, RIGHT, LIVER = (label for label in ABDOMEN_LABELS if label.name in ("left_kidney", "right_kidney", "liver"))


def row(label, volume_ml=1.0, mean_hu=100.0, is_cut=False):
    return OrganRow(label, volume_ml, mean_hu, round(volume_ml * 1000), is_cut)


def features_of(own, *others):
    rows = [own, *others]
    heard = {one.label.name: OrganSignals() for one in rows}
    return features(own, rows, heard, dict.fromkeys(heard, TYPICAL))


@pytest.mark.parametrize(("volume_ml", "small"), [(1.0, 0.0), (math.exp(-1), 2.0), (math.exp(0.5), 0.0), (1e-9, 4.0)])
def test_volume_counts_in_standard_deviations(volume_ml, small):
    assert features_of(row(LIVER, volume_ml))["small"] == pytest.approx(small)


def test_of_an_organ_that_is_cut_less_is_no_sign():
    assert features_of(row(LIVER, 0.1, is_cut=True))["small"] == 0.0


@pytest.mark.parametrize(("hu", "far"), [(100.0, 0.0), (85.0, 1.5), (300.0, 4.0)])
def test_brightness_counts_in_standard_deviations(hu, far):
    assert features_of(row(LIVER, 1.0, hu), row(LEFT), row(RIGHT))["hu"] == pytest.approx(far)


def test_contrast_medium_in_all_organs_is_no_sign():
    assert features_of(row(LIVER, 1.0, 160.0), row(LEFT, 1.0, 160.0), row(RIGHT, 1.0, 160.0))["hu"] == 0.0


def test_a_kidney_is_compared_with_the_other_one():
    assert features_of(row(LEFT, 50.0), row(RIGHT, 150.0))["partner"] == pytest.approx(math.log(3))
    assert features_of(row(LEFT, 150.0), row(RIGHT, 50.0))["partner"] == 0.0
    assert features_of(row(LEFT, 50.0), row(RIGHT, 150.0, is_cut=True))["partner"] == 0.0
    assert features_of(row(LEFT, 50.0), row(LIVER, 150.0))["partner"] == 0.0


def test_log_odds_end_at_one_in_a_hundred():
    assert [log_odds(share) for share in (0.5, 0.0, 1.0)] == pytest.approx([0.0, -math.log(99), math.log(99)])


def test_what_speaks_against_an_absence():
    assert absence_features(OrganSignals(peak=0.5, mass_ml=math.e), TYPICAL) == {"peak": 0.0, "mass": pytest.approx(1)}


def test_a_result_says_how_good_its_organs_are(tmp_path, tiny_bundle):
    result = segment(write_volume(tmp_path / "a.nii.gz"), model=write_confidence(tiny_bundle), threads=1)
    liver, spleen = result.rows
    soft_dice = result.signals.of_class(1).soft_dice
    assert liver.quality.score == pytest.approx(1 / (1 + math.exp(-(1 + 4 * (log_odds(soft_dice) - 2)))))
    assert liver.quality.is_found and not spleen.quality.is_found
    assert spleen.quality.score == pytest.approx(1 / (1 + math.exp(log_odds(result.signals.of_class(2).peak) - 0.5)))
    table = result.table
    assert (table[0].quality, table[0].predicted_dice, table[0].absence_probability) == (
        liver.quality.word, liver.quality.score, None)
    assert (table[1].predicted_dice, table[1].absence_probability) == (None, spleen.quality.score)
    assert "quality" in str(table).splitlines()[0]


def test_without_calibration_nothing_is_said(tmp_path, tiny_bundle):
    result = segment(write_volume(tmp_path / "a.nii.gz"), model=tiny_bundle, threads=1)
    assert result.signals is None and [one.quality for one in result.rows] == [None, None]


def test_reasons_are_what_takes_most():
    terms = {"soft_dice": Term(0.9, 0.1, 1.0), "soft_dice_odds": Term(2.0, 1.0, 1.0), "small": Term(0.0, 1.0, -3.0),
             "hu": Term(0.0, 1.0, 0.0)}
    heard = OrganSignals(slices=9, unclear_slices=4, soft_dice=0.7)
    model = SimpleNamespace(confidence=replace(CONFIDENCE, terms=terms), labels=(LIVER,))
    # Its volume takes 3 * 4 of the log odds; what the network believes takes 2 and 1.15.
    (found,) = judged([row(LIVER, 0.01)], model, SimpleNamespace(of_class=lambda number: heard))
    assert found.quality.reasons == ("less of it than usual", "border unclear on 4 of 9 slices")
    assert found.quality.word == "poor"


def test_the_csv_has_it(tmp_path):
    good, lost = Quality("look", 0.7149, True, ("border unclear on 3 of 9 slices",), (1.4, -2.0, 30.0)), Quality(
        "poor", 0.21, False, ("may be there all the same",))
    rows = [OrganRow(LIVER, 1.0, 100.0, 1000, False, quality=good), OrganRow(LEFT, 0, None, 0, False, quality=lost),
            row(RIGHT)]
    write_csv(tmp_path / "a.csv", rows)
    with open(tmp_path / "a.csv", encoding="utf-8", newline="") as file:
        found = [[line[key] for key in ("quality", "predicted_dice", "absence_probability", "why",
                                        "least_sure_lps_mm")] for line in csv.DictReader(file)]
    assert found == [["look", "0.71", "", "border unclear on 3 of 9 slices", "1 -2 30"],
                     ["poor", "", "0.21", "may be there all the same", ""], [""] * 5]
