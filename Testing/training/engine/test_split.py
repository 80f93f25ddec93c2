"""Which cases train and which validate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from MISTKDSegmentLib.errors import InputError
from Testing.training.prepared_data import write_prepared
from Training.data.manifest import read_manifest
from Training.engine.recipe import Recipe
from Training.engine.split import split_of


@pytest.fixture
def manifest(tmp_path):
    return read_manifest(write_prepared(tmp_path / "p", ["a", "b", "c"], unlabelled=["u"]))


def split(manifest, validation, training=None):
    return split_of(replace(Recipe(), validation=validation, training=training), manifest)


def test_the_rest_trains(manifest):
    assert split(manifest, ("b",)) == (("a", "c"), ("b",), ("u",))


def test_named_cases_alone_train(manifest):
    assert split(manifest, ("b",), ("c",)) == (("c",), ("b",), ())
    assert split(manifest, ("b",), ("c", "u")).unlabelled == ("u",)


@pytest.mark.parametrize(
    ("validation", "training", "message"),
    [(("z",), None, "no case z"), (("a",), ("y",), "no case y"), (("u",), None, "u has no reference"),
     (("a", "b", "c"), None, "no labelled case is left"), (("a",), ("u",), "no labelled case is left")],
)
def test_impossible_split(manifest, validation, training, message):
    with pytest.raises(InputError, match=message):
        split(manifest, validation, training)
