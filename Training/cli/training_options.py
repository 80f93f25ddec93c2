"""The options of the scripts that train: prepared data, run folder, recipe and trainer settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from MISTKDSegmentLib.errors import InputError
from Training.cli.command import Parser
from Training.engine.recipe import Recipe
from Training.engine.trainer_settings import TrainerSettings


def training_parser(program: str, description: str | None) -> Parser:
    """Make the parser of a script that trains, with every entry of the recipe and of the trainer settings."""
    parser = Parser(program, description, "DATA [DATA ...] --out RUN")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA",
                        help="folders of prepared cases (mistkd prepare)")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder; made if missing")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN from its last checkpoint")
    parser.add_argument("--dry-run", action="store_true",
                        help="check everything, time a few steps, print parameters, FLOPs, memory and time, and stop")
    parser.add_class_arguments(Recipe, nested_key=None)
    parser.add_class_arguments(TrainerSettings, "trainer")
    parser.spell_with_dashes()
    return parser


def recipe_of(options: Namespace) -> Recipe:
    """The recipe that the options make, checked.

    Raises:
        InputError: a value makes no sense.
    """
    names: dict[str, Any] = {name: getattr(options, name) for name in Recipe.__dataclass_fields__}
    recipe = Recipe(**names)
    recipe.check()
    return recipe


def trainer_settings_of(options: Namespace, *batch_sizes: int) -> TrainerSettings:
    """The settings that the options describe, checked against the batches.

    Raises:
        InputError: this computer does not have it, or a batch cannot be shared.
    """
    settings: TrainerSettings = options.trainer
    for batch_size in batch_sizes:
        settings.check(batch_size)
    if not options.data:
        raise InputError("no prepared data set is named: give the folder that mistkd prepare wrote.")
    return settings
