"""Files of folds: read, and refused for the true reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from MISTKDSegmentLib.errors import InputError
from Testing.training.prepared_data import write_prepared
from Testing.training.toy import RECIPE
from Training import crossvalidate
from Training.data.manifest import CaseEntry, Manifest, read_manifest
from Training.engine.folds import chosen_folds, fold_recipe, read_folds


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return read_manifest(write_prepared(tmp_path_factory.mktemp("folds") / "data", "abcd", unlabelled="u"))


def read(tmp_path, text, manifest):
    (tmp_path / "folds.yaml").write_text(text, encoding="utf-8")
    return read_folds(tmp_path / "folds.yaml", manifest)


def test_folds_are_lists_of_cases(tmp_path, manifest):
    assert read(tmp_path, "folds: [[a, b], [d]]", manifest) == (("a", "b"), ("d",))


@pytest.mark.parametrize(("text", "said"), [
    ("folds: [[a, x], [y]]", "names x, y that the prepared data do not have: name cases of yours"),
    ("folds: [[a, b], [c, a]]", "names a twice: name each case once"),
    ("folds: [[a, a], [c]]", "names a twice"),
    ("folds: [[a], [u]]", "names u without reference: name labelled cases"),
    ("folds: [[a, b]]", 'no list "folds" of two or more lists'), ("folds: [[a], []]", 'no list "folds"'),
    ("[[a], [b]]", 'no list "folds"'), ("folds: [a, b]", 'no list "folds"'), ("folds: [[a", "not valid YAML"),
])
def test_a_file_that_names_no_folds_is_refused_in_one_sentence(tmp_path, manifest, text, said):
    with pytest.raises(InputError, match=said) as error:
        read(tmp_path, text, manifest)
    assert "folds.yaml" in str(error.value) and "\n" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path, manifest):
    with pytest.raises(InputError, match=r"none\.yaml cannot be read"):
        read_folds(tmp_path / "none.yaml", manifest)


def test_some_folds_can_be_chosen():
    folds = (("a",), ("b",), ("c",))
    assert chosen_folds(None, folds) == [0, 1, 2] and chosen_folds([2, 0, 2], folds) == [2, 0]
    for wrong, said in (([3], "--folds names 3: name some of 0 to 2"), ([-1], "-1"), ([], "none")):
        with pytest.raises(InputError, match=said):
            chosen_folds(wrong, folds)


def test_a_fold_is_never_trained_on():
    assert fold_recipe(RECIPE, ("a", "b")).validation == ("a", "b")
    assert fold_recipe(replace(RECIPE, validation=(), training=("a", "b", "c")), ("a",)).training == ("b", "c")


def test_the_published_folds_hold_each_of_the_18_cases_once():
    numbers = (5, 6, 7, 9, 10, 21, 23, 24, 26, 27, 28, 30, 31, 33, 34, 37, 39, 40)
    cases = tuple(CaseEntry(f"case{number:04d}", 1, 5.0, "", str(number), ("liver",), {}) for number in numbers)
    folds = read_folds(crossvalidate.FOLDS, Manifest("", "", (-125.0, 275.0), 1.5, (), cases))
    assert [len(fold) for fold in folds] == [6] * 3
    assert sorted(name for fold in folds for name in fold) == [case.name for case in cases]
