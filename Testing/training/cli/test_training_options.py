"""Options: from a file, overridden on the command line, explained by --help."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from MISTKDSegmentLib.errors import InputError
from Testing.training.toy import RECIPE, write_config
from Training.cli.command import parse
from Training.cli.training_options import recipe_of, trainer_settings_of
from Training.distill import distill_parser
from Training.engine.recipe import Recipe


def parsed(*arguments: str):
    return parse(distill_parser(), ["data", "--out", "run", *arguments])


def test_default_recipe():
    options = parsed()
    assert recipe_of(options) == Recipe()
    assert options.data == [Path("data")] and options.out == Path("run") and options.teacher is None


def test_command_line_overrides_the_file(tmp_path):
    config = write_config(tmp_path / "toy.yaml")
    options = parsed("--config", str(config), "--student-schedule.steps", "9", "--distillation.channel", "3",
                     "--validation", "[x, y]", "--trainer.devices", "2")
    recipe = recipe_of(options)
    assert recipe.student_schedule.steps == 9 and recipe.teacher_schedule == RECIPE.teacher_schedule
    assert recipe.distillation.channel == 3.0 and recipe.validation == ("x", "y")
    assert recipe.student_network == RECIPE.student_network
    assert trainer_settings_of(options, 4).devices == 2


def test_recipe_of_a_run_is_a_config(tmp_path):
    RECIPE.write(tmp_path / "recipe.yaml")
    assert recipe_of(parsed("--config", str(tmp_path / "recipe.yaml"))) == RECIPE


def test_data_and_run_in_the_file(tmp_path):
    (tmp_path / "all.yaml").write_text(yaml.safe_dump({"data": ["p", "q"], "out": "r", "seed": 5}))
    options = parse(distill_parser(), ["--config", str(tmp_path / "all.yaml")])
    assert options.data == [Path("p"), Path("q")] and options.out == Path("r") and recipe_of(options).seed == 5


def test_misspelt_entry_is_named(tmp_path, capsys):
    (tmp_path / "wrong.yaml").write_text("student_schedule: {stesp: 5}\n")
    with pytest.raises(SystemExit):
        parsed("--config", str(tmp_path / "wrong.yaml"))
    error = capsys.readouterr().err
    assert "stesp" in error and error.count("\n") == 1


def test_help_explains_with_units(capsys):
    with pytest.raises(SystemExit):
        parsed("--help")
    text = " ".join(capsys.readouterr().out.split())
    for words in ("pixel size that the networks see", "by distance in mm from the one that is segmented",
                  "optimiser steps", "weight of the distance between the encoders' token sequences",
                  "largest rotation", "of the computation; weights are kept in 32 bits"):
        assert words in text
    assert "# " not in text


def test_batch_that_cannot_be_shared():
    with pytest.raises(InputError, match="batches of 3 slices cannot be shared by 2 processes"):
        trainer_settings_of(parsed("--trainer.devices", "2"), 4, 3)


def test_options_are_shown_with_dashes(capsys):
    with pytest.raises(SystemExit):
        parsed("--help")
    text = capsys.readouterr().out
    for option in ("--student-schedule.learning-rate", "--pixel-spacing-mm", "--distillation.stage-weights",
                   "--trainer.devices", "--print-config"):
        assert option in text
    assert not [word for word in text.split() if word.startswith("--") and "_" in word]


def test_underscores_are_understood():
    old, new = (recipe_of(parsed(*options)) for options in (
        ("--student_schedule.batch_size", "4", "--pixel_spacing_mm=1.5"),
        ("--student-schedule.batch-size", "4", "--pixel-spacing-mm=1.5")))
    assert old == new and (new.student_schedule.batch_size, new.pixel_spacing_mm) == (4, 1.5)
