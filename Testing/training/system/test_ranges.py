"""Ranges declared with entries of a dataclass: ends, NaN and infinity, and the sentence of a refusal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from MISTKDSegmentLib.errors import InputError
from Training.system.ranges import Count, Positive, Range, Share, ShareBelowOne, check_ranges


@dataclass
class Settings:
    steps: Count = 1
    rate: Positive = 1.0
    share: Share = 0.5
    decay: ShareBelowOne = 0.5
    workers: Annotated[int | None, Range(0)] = None
    name: str = ""


@given(st.floats())
def test_finite_numbers_alone_are_in_range(value):
    assert (value in Range(0)) == (math.isfinite(value) and value >= 0)
    assert (value in Range(0, 1, open_high=True)) == (0 <= value < 1)


def test_declared_ranges_hold():
    check_ranges(Settings(steps=3, workers=0))


@pytest.mark.parametrize(("change", "sentence"), [
    ({"steps": 0}, "run.steps is 0: give 1 or more."), ({"rate": 0.0}, "run.rate is 0.0: give a number above 0."),
    ({"rate": math.inf}, "run.rate is inf: give a number above 0."),
    ({"share": 1.5}, "run.share is 1.5: give 0 to 1."), ({"decay": 1.0}, "run.decay is 1.0: give 0 to below 1."),
    ({"decay": math.nan}, "run.decay is nan: give 0 to below 1."),
    ({"workers": -1}, "run.workers is -1: give 0 or more."),
])
def test_refusals_name_entry_value_and_range(change, sentence):
    with pytest.raises(InputError) as refused:
        check_ranges(Settings(**change), "run.")
    assert str(refused.value) == sentence
