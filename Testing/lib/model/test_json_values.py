"""Values of a JSON document are what they should be, or a few words say that they are not."""

import json
import math

import pytest

from MISTKDSegmentLib.model.json_values import flag, number, table, text, whole


@pytest.mark.parametrize("given, read", [("Liver", "Liver"), ("a\nb\u00a0 c ", "a b c"), ("<b>", "<b>"),
                                         ("e\u0301腹", "e\u0301腹")])
def test_a_text_becomes_one_line(given, read):
    assert text({"name": given}, "name") == read


@pytest.mark.parametrize("given", ["", " \n", "\ud800", "a\0b", "\x1b[2J", "\u202eabc", "x" * 10_001, 3, None, ["a"]])
def test_what_is_no_readable_text_is_refused_in_a_short_line(given):
    with pytest.raises(ValueError, match=r"name is .*no readable text") as caught:
        text({"name": given}, "name")
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("given", [0, -1.5, 2**53, 1e-300])
def test_numbers_are_numbers(given):
    assert number(given) == given


@pytest.mark.parametrize("given", [math.nan, math.inf, -math.inf, 2**53 + 1, 10**400, True, "1", None, [1], 1e300])
def test_what_is_no_usable_number_is_refused(given):
    with pytest.raises(ValueError, match="stands where a number should"):
        number(given)


def test_whole_numbers_may_be_written_with_a_point():
    assert [whole(8), whole(8.0), whole(-1)] == [8, 8, -1]
    assert isinstance(whole(8.0), int)


@pytest.mark.parametrize("given", [8.5, True, "8", math.nan])
def test_what_is_not_whole_is_refused(given):
    with pytest.raises(ValueError, match=r"stands where a (whole )?number should"):
        whole(given)


@pytest.mark.parametrize("given", [0, 1, "false", None, []])
def test_only_true_and_false_are_flags(given):
    assert flag(True) and not flag(False)
    with pytest.raises(ValueError, match="true or false"):
        flag(given)


@pytest.mark.parametrize("given", [[], [["a", 1]], "a", None, 3, json.loads("[" * 500 + "]" * 500)])
def test_only_objects_are_tables(given):
    assert table({"input": {"a": 1}}, "input") == {"a": 1}
    with pytest.raises(ValueError, match=r"input is .*no table") as caught:
        table({"input": given}, "input")
    assert len(str(caught.value)) < 100


def test_what_is_missing_is_a_key_error():
    for read in (text, table):
        with pytest.raises(KeyError, match=r"name"):
            read({}, "name")
