"""Scores of made-up scans by a "model" whose mistakes are known, and what they are summed up to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from Testing.training.made_up_scans import (
    AORTA,
    AORTA_BOX,
    AORTA_HU,
    LIVER,
    LIVER_BOX,
    LIVER_HU,
    LIVER_NEXT_SLICE,
    SPACING_MM,
    SPLEEN,
    MadeUpScan,
    segment_by_hu,
)
from Training.data.prepared import IGNORE
from Training.evaluation import scores
from Training.evaluation.metrics import METRICS
from Training.evaluation.scores import (
    CaseScores,
    annotated_organs,
    bootstrap_interval,
    content_sha256,
    mean_dice,
    score_case,
    summarise,
)

BUNDLE = SimpleNamespace(labels=(AORTA, LIVER, SPLEEN))
KNOWN = ("aorta", "liver")


@pytest.fixture(autouse=True)
def model(monkeypatch):
    monkeypatch.setattr(scores, "segment", segment_by_hu)


def hit(**changes):
    """Finds the aorta (channel 1) exactly and the liver (channel 2) one slice, 5 mm, too low."""
    found, real = {AORTA_HU: AORTA_BOX, LIVER_HU: LIVER_BOX}, {1: AORTA_BOX, 2: LIVER_NEXT_SLICE}
    return MadeUpScan(**{"name": "hit", "annotated": KNOWN, "found": found, "real": real, **changes})


def test_both_protocols():
    result = score_case(hit(), BUNDLE, [AORTA, LIVER])
    assert result.presence == {"aorta": "both", "liver": "both"}
    assert result.scores["aorta"]["transunet"] == {"dice": 1.0, "hd95_voxels": 0.0}
    # Four slices against the same box one slice further: 3 of 4 shared.
    assert result.scores["liver"]["transunet"] == {"dice": 0.75, "hd95_voxels": 1.0}
    assert result.scores["liver"]["millimetre"]["dice"] == 0.75
    assert result.scores["liver"]["millimetre"]["hd95_mm"] == pytest.approx(5.0)
    # 4 x 4 x 4 voxels of 0.5 x 2 x 5 mm.
    assert result.scores["liver"]["millimetre"]["reference_ml"] == pytest.approx(0.32)
    assert (result.shape_kji, result.spacing_mm) == ((6, 20, 24), SPACING_MM)


def test_unannotated_organ_is_not_scored():
    result = score_case(hit(annotated=("liver",)), BUNDLE, [AORTA, LIVER])
    assert result.presence == {"aorta": "unknown", "liver": "both"}
    assert all(math.isnan(value) for part in result.scores["aorta"].values() for value in part.values())
    assert {protocol: tuple(part) for protocol, part in result.scores["aorta"].items()} == METRICS
    assert result.scores["liver"]["millimetre"]["dice"] == 0.75


def checksum(scan, *labels):
    return score_case(scan, SimpleNamespace(labels=labels), labels).content_sha256


def test_checksum_ignores_numbering():
    other = hit(real={2: AORTA_BOX, 1: LIVER_NEXT_SLICE})
    assert checksum(hit(), AORTA, LIVER) == checksum(other, LIVER, AORTA)


@pytest.mark.parametrize("changes", [{"found": {}}, {"real": {1: AORTA_BOX}},
                                     {"real": {1: AORTA_BOX, 2: LIVER_NEXT_SLICE, IGNORE: np.s_[5:6]}}])
def test_checksum_of_another_scan(changes):
    assert checksum(hit(), AORTA, LIVER) != checksum(hit(**changes), AORTA, LIVER)


def test_checksum_of_shapes_and_types():
    zeros = np.zeros((2, 3), np.uint8)
    assert content_sha256(zeros, zeros) == content_sha256(zeros.copy(), zeros)
    assert len({content_sha256(one) for one in (zeros, zeros.T, zeros.view(np.int8))}) == 3


def test_ignored_voxels_count_neither_way():
    # The slice that is found and not real becomes unknown: 3 slices found, 4 real, 3 shared.
    result = score_case(hit(real={2: LIVER_NEXT_SLICE, IGNORE: np.s_[0:1]}), BUNDLE, [LIVER])
    assert result.scores["liver"]["millimetre"]["dice"] == pytest.approx(2 * 3 / (3 + 4))
    assert result.scores["liver"]["millimetre"]["prediction_ml"] == pytest.approx(0.24)


def test_progress_is_passed_on():
    heard = []
    score_case(hit(), BUNDLE, [AORTA], advance=lambda *steps: heard.append(steps))
    assert heard == [(3, 6), (6, 6)]


def test_labels_are_shown():
    seen = []
    score_case(hit(), BUNDLE, [AORTA], show=lambda volume, *maps: seen.append((volume.name, *map(np.unique, maps))))
    assert seen[0][0] == "hit"
    assert list(seen[0][1]) == [0, AORTA.value, LIVER.value]
    assert list(seen[0][2]) == [0, 1, 2]


@dataclass(frozen=True, kw_only=True)
class DamagedScan(MadeUpScan):
    def read_reference(self, volume):
        raise InputError("labels.nii.gz is damaged; copy it again.")


def test_unreadable_case_is_named():
    with pytest.raises(InputError, match=r"Case bad: labels\.nii\.gz is damaged"):
        score_case(DamagedScan(name="bad", annotated=KNOWN), BUNDLE, [AORTA])


def test_annotated_organs():
    scans = [hit(annotated=("liver",)), hit(annotated=("aorta", "liver"))]
    assert annotated_organs(scans, BUNDLE.labels) == [AORTA, LIVER]


def scores_of(name, **dice_of):
    """Scores with the given Dice in both protocols; None stands for absent from both, "unknown" for unknown."""
    def both(value):
        if value == "unknown":
            return scores.undefined_scores()
        known = math.nan if value is None else value
        return {"transunet": {"dice": 0.0 if value is None else value, "hd95_voxels": 4.0},
                "millimetre": {**scores.undefined_scores()["millimetre"], "dice": known, "reference_ml": 1.0}}
    presence = {organ: value if value == "unknown" else "absent" if value is None else "both"
                for organ, value in dice_of.items()}
    return CaseScores(name, 1.0, (1, 1, 1), (1.0, 1.0, 1.0), presence,
                      {organ: both(value) for organ, value in dice_of.items()}, name)


def test_organs_count_the_same():
    results = [scores_of("a", liver=0.9, spleen=None), scores_of("b", liver=0.7, spleen=0.4)]
    summary = summarise(results)
    assert summary["millimetre"]["organs"]["spleen"]["dice"] == pytest.approx(0.4)
    assert summary["millimetre"]["mean"]["dice"] == pytest.approx((0.8 + 0.4) / 2) == mean_dice(results)
    assert summary["transunet"]["mean"]["dice"] == pytest.approx((0.8 + 0.2) / 2)
    assert summary["millimetre"]["counts"]["spleen"] == {
        "both": 1, "missed": 0, "invented": 0, "absent": 1, "unknown": 0}


def test_interval_of_each_organ():
    summary = summarise([scores_of("a", liver=0.9, spleen=0.4), scores_of("b", liver=0.7, spleen=0.4)])
    assert summary["transunet"]["organ_dice_ci95"] == {"liver": pytest.approx((0.7, 0.9)),
                                                       "spleen": pytest.approx((0.4, 0.4))}


def test_unannotated_organ_is_counted():
    summary = summarise([scores_of("a", liver=0.9, spleen="unknown"), scores_of("b", liver=0.7, spleen=0.4)])
    assert summary["transunet"]["organs"]["spleen"]["dice"] == pytest.approx(0.4)
    assert summary["millimetre"]["organs"]["spleen"]["dice"] == pytest.approx(0.4)
    assert summary["millimetre"]["counts"]["spleen"]["unknown"] == 1


def test_volumes_are_not_averaged_over_organs():
    assert "reference_ml" not in summarise([scores_of("a", liver=0.9)])["millimetre"]["mean"]


def test_absent_organ_leaves_the_mean():
    honest = summarise([scores_of("a", liver=0.9, spleen=None)])["millimetre"]
    assert math.isnan(honest["organs"]["spleen"]["dice"])
    assert honest["mean"]["dice"] == pytest.approx(0.9)


def test_interval_of_equal_cases():
    assert bootstrap_interval(np.full((5, 2), 0.8)) == pytest.approx((0.8, 0.8))


def test_interval_of_two_cases():
    # Each of the two extremes is drawn in a quarter of the resamples, far more than 2.5 %.
    assert bootstrap_interval(np.array([[0.2], [0.6]])) == pytest.approx((0.2, 0.6))


def test_interval_draws_cases():
    # Organs drawn separately would also give means other than 0.5.
    assert bootstrap_interval(np.array([[0.0, 1.0], [1.0, 0.0]])) == pytest.approx((0.5, 0.5))


def test_interval_of_many_cases():
    scores = np.random.default_rng(1).normal(0.7, 0.1, (400, 1))
    error = 1.96 * scores.std() / 20
    expected = (scores.mean() - error, scores.mean() + error)
    assert bootstrap_interval(scores) == pytest.approx(expected, abs=8e-4)


def test_interval_is_reproducible():
    scores = np.random.default_rng(1).uniform(size=(6, 3))
    assert bootstrap_interval(scores) == bootstrap_interval(scores)
    assert bootstrap_interval(scores, seed=1) != bootstrap_interval(scores, seed=2)


def test_interval_of_the_mean_of_means():
    # Organ 1 scores 1 everywhere; organ 2 is in one case of six, at 0. Draws with that case give 0.5 however
    # often it was drawn (two in three draws), one without it 1.
    scores = np.array([[1.0, np.nan]] * 5 + [[1.0, 0.0]])
    assert bootstrap_interval(scores) == pytest.approx((0.5, 1.0))


def test_one_case_has_no_interval():
    assert all(math.isnan(end) for end in bootstrap_interval(np.array([[0.9, 0.8]])))


def test_interval_of_nothing():
    assert all(math.isnan(end) for end in bootstrap_interval(np.full((3, 2), np.nan)))
