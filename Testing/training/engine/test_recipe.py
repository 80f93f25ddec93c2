"""The recipe: what makes no sense is refused, and a run cannot go on with another one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from MISTKDSegmentLib.errors import InputError
from Training.data.augmentation import NO_AUGMENTATION, Augmentation
from Training.engine.recipe import Distillation, Recipe, Schedule


def test_default_makes_sense():
    Recipe().check()


def test_no_augmentation_makes_sense():
    replace(Recipe(), augmentation=NO_AUGMENTATION).check()


def test_published_validation_cases():
    assert Recipe().validation == ("case0010", "case0024", "case0031", "case0039")


def test_yaml_reads_back(tmp_path):
    recipe = replace(Recipe(), seed=3)
    recipe.write(tmp_path / "recipe.yaml")
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text(encoding="utf-8")) == recipe.as_plain()
    recipe.write(tmp_path / "recipe.yaml")


def test_another_recipe_is_refused(tmp_path):
    Recipe().write(tmp_path / "recipe.yaml")
    other = replace(Recipe(), student_schedule=Schedule(steps=7), seed=1)
    with pytest.raises(InputError, match=r"another recipe \(seed, student_schedule.learning_rate, student_sch"):
        other.write(tmp_path / "recipe.yaml")
    (tmp_path / "recipe.yaml").write_text("{")
    with pytest.raises(InputError, match="is no recipe"):
        Recipe().write(tmp_path / "recipe.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed is -1: give 0 to 4294967295"),
        ({"training": ("case0010", "x")}, "case0010 is for training and validation"),
        ({"pixel_spacing_mm": 0.0}, "pixel_spacing_mm is 0.0: give 0.1 to 10"),
        ({"view": (100, 192)}, r"view is \(100, 192\): give multiples of 32"),
        ({"wide_view": (192, 0)}, r"wide_view is \(192, 0\): give multiples of 32"),
        ({"context_offsets_mm": (-5.0, 5.0)}, "give 0 once"),
        ({"context_offsets_mm": (0.0, float("nan"))}, "context_offsets_mm is"),
        ({"teacher_schedule": Schedule(steps=0)}, "teacher_schedule.steps is 0: give 1 or more"),
        ({"student_schedule": Schedule(steps=1, ema_decay=1.0)}, "ema_decay is 1.0: give 0 to below 1"),
        ({"validation": ("a", "a")}, "validation names a twice"), ({"training": ("b", "b")}, "training names b twice"),
        ({"augmentation": Augmentation(gamma=0.0)}, "augmentation.gamma is 0.0: give 1 to 10"),
        ({"distillation": Distillation(sequence=-1.0)}, "distillation.sequence is -1.0: give 0 or more"),
        ({"distillation": Distillation(stage_weights=(0.0, 0.0, 0.0, 0.0))}, "stage_weights"),
    ],
)
def test_nonsense_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(Recipe(), **change).check()
