"""The options of a segmentation: what they keep, and what they refuse."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import pytest

from MISTKDSegmentLib.errors import OptionError, SegmentError
from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions


@pytest.mark.parametrize(("given", "kept"), [
    (None, None), ("liver", ("liver",)), ("liver, spleen", ("liver", "spleen")),
    (["spleen", "liver", "spleen"], ("spleen", "liver"))])
def test_organs_are_kept_as_names_each_once(given, kept):
    assert SegmentOptions(organs=given).organs == kept


@pytest.mark.parametrize("values", [
    {"organs": []}, {"organs": ""}, {"organs": " , "}, {"threads": -1}, {"slice_step_mm": 0.0},
    {"slice_step_mm": -2.0}, {"slice_step_mm": math.inf}, {"slice_step_mm": math.nan}])
def test_a_value_that_makes_no_sense_is_named(values):
    with pytest.raises(OptionError) as caught:
        SegmentOptions(**values)
    assert next(iter(values)).removesuffix("s") in str(caught.value) and str(caught.value).count(";") == 1


def test_the_error_is_one_of_ours_and_one_of_pythons():
    with pytest.raises(ValueError, match="threads is -1") as caught:
        SegmentOptions(threads=-1)
    assert isinstance(caught.value, SegmentError) and caught.value.exit_code == 2


def test_nothing_changes_them():
    with pytest.raises(FrozenInstanceError):
        DEFAULTS.threads = 3
