"""Labels that are hard to believe."""

import numpy as np

from Testing.training import raw_data
from Training.data.plausibility import doubts

LABELS = raw_data.reference(raw_data.ours())
KIDNEYS = "has its left kidney on the wrong side of its right kidney (not to the left)"


def test_a_body_as_it_is_raises_no_doubt():
    assert doubts(LABELS, raw_data.NAMES) == []


def test_no_organ_at_all():
    assert doubts(np.full_like(LABELS, 255), raw_data.NAMES) == ["has none of the organs"]


def test_left_and_right_swapped():
    swapped = raw_data.reference(raw_data.ours() | {"left_kidney": 4, "right_kidney": 3})
    assert doubts(swapped, raw_data.NAMES) == [KIDNEYS]
    assert len(doubts(LABELS[:, :, ::-1], raw_data.NAMES)) == 2


def test_back_and_front_swapped():
    assert [doubt[-8:] for doubt in doubts(LABELS[:, ::-1], raw_data.NAMES)] == ["he back)", "he back)"]


def test_an_organ_that_is_not_there_has_no_wrong_side():
    assert doubts(raw_data.reference({"liver": 5})[:, :, ::-1], raw_data.NAMES) == []
