"""The calibration in model.json: what it says of an organ, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.model.bundle import load_bundle
from MISTKDSegmentLib.model.confidence import parse_confidence
from Testing.lib.made_up_confidence import CONFIDENCE, write_confidence


def test_expected_dice_by_hand():
    # Log odds 1 + 2 * (3 - 2) / 0.5 = 5, and 1 + 2 * (2 - 2) / 0.5 = 1
    assert CONFIDENCE.dice("liver", {"soft_dice_odds": 3.0}) == pytest.approx(0.993307, abs=1e-6)
    assert CONFIDENCE.dice("liver", {"soft_dice_odds": 2.0}) == pytest.approx(0.731059, abs=1e-6)


def test_absence_by_hand():
    # Log odds 0.5 - (1 - 0) / 1
    assert CONFIDENCE.absence({"peak": 1.0}) == pytest.approx(0.377541, abs=1e-6)


def test_far_out_is_sure_and_no_overflow():
    assert CONFIDENCE.dice("liver", {"soft_dice_odds": -1e9}) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("score", "word"), [(0.49, "poor"), (0.5, "look"), (0.74, "look"), (0.75, "good")])
def test_words(score, word):
    assert CONFIDENCE.word(score) == word


def test_it_comes_back_from_json():
    assert parse_confidence(json.loads(json.dumps(asdict(CONFIDENCE)))) == CONFIDENCE


def test_a_bundle_has_it_or_not(tiny_bundle):
    assert load_bundle(tiny_bundle).confidence is None
    write_confidence(tiny_bundle)
    assert load_bundle(tiny_bundle).confidence == CONFIDENCE


@pytest.mark.parametrize(("change", "why"), [
    ({"poor_below": 0.9}, "poor_below is 0.9 and look_below 0.75"),
    ({"absence_bias": "much"}, "'much' stands where a number should"),
    ({"terms": {"moon": {"mean": 0, "sd": 1, "weight": 1}}}, "terms has 'moon', which this program does not gather"),
    ({"terms": {"hu": {"mean": 0, "sd": 0, "weight": 1}}}, "a standard deviation is not above 0"),
    ({"organs": []}, "organs is .*, no table"),
])
def test_what_makes_no_sense_is_refused(tiny_bundle, change, why):
    write_confidence(tiny_bundle, {**asdict(CONFIDENCE), **change})
    with pytest.raises(BundleError, match=why):
        load_bundle(tiny_bundle)


def test_missing_entries_are_named(tiny_bundle):
    entry = asdict(replace(CONFIDENCE))
    del entry["look_below"]
    write_confidence(tiny_bundle, entry)
    with pytest.raises(BundleError, match="entry 'look_below' is missing"):
        load_bundle(tiny_bundle)
