"""Split files: ours and nnU-Net's are read, anything else is refused by name."""

from __future__ import annotations

import json

import pytest

from MISTKDSegmentLib.errors import InputError
from Training.data.split_file import read_split


def test_the_validation_cases_are_read(tmp_path):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"training": ["a"], "validation": ["b", "c"]}))
    assert read_split(path) == ["b", "c"]


def test_a_split_is_read_from_nnunets_file_too(tmp_path):
    path = tmp_path / "splits_final.json"
    path.write_text(json.dumps([{"train": ["a"], "val": ["b", "c"]}, {"train": ["b"], "val": ["a"]}]))
    assert read_split(path) == ["b", "c"]


@pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"validation": 3}', "5"])
def test_a_split_without_a_list_of_cases_is_refused_by_name(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"split\.json"):
        read_split(path)


def test_a_missing_split_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json"):
        read_split(tmp_path / "nowhere.json")
