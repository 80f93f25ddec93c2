"""A recipe is written beside its run, and a run keeps to it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from MISTKDSegmentLib.errors import InputError
from Training.recipe import Recipe, Schedule


def test_a_recipe_says_everything_in_json(tmp_path):
    Recipe(seed=7).write(tmp_path / "recipe.json")
    written = json.loads((tmp_path / "recipe.json").read_text())
    assert written["seed"] == 7
    assert written["validation"] == ["case0010", "case0024", "case0031", "case0039"]
    assert written["student_schedule"]["learning_rate"] == Recipe().student_schedule.learning_rate


def test_a_run_goes_on_with_the_same_recipe_alone(tmp_path):
    path = tmp_path / "recipe.json"
    Recipe().write(path)
    Recipe().write(path)
    with pytest.raises(InputError, match="another recipe"):
        replace(Recipe(), student_schedule=Schedule(steps=1)).write(path)
    assert json.loads(path.read_text())["student_schedule"]["steps"] == Recipe().student_schedule.steps
