"""The command line that the training scripts share."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import lightning

from MISTKDSegmentLib.errors import InputError, OutputError
from Training.allocator import keep_freed_memory
from Training.data import Case, load_cases, read_manifest
from Training.recipe import Recipe, Schedule


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what every training run asks for."""
    parser.add_argument("data", type=Path, help="prepared cases (Training/prepare.py)")
    parser.add_argument("--out", type=Path, required=True, help="run folder; a run that was stopped goes on from it")
    parser.add_argument("--validation", nargs="+", metavar="CASE", help="never trained on (default: the recipe's)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and views (default: %(default)s)")


def add_schedule_options(parser: argparse.ArgumentParser, who: str, default: Schedule) -> None:
    """Add the schedule of the teacher or the student."""
    group = parser.add_argument_group(f"{who} schedule")
    for name, kind, meaning in (
        ("steps", int, "optimiser steps"),
        ("batch_size", int, "slices per step"),
        ("learning_rate", float, "peak of the AdamW learning rate"),
    ):
        flag = f"--{who}-{name.replace('_', '-')}"
        group.add_argument(flag, type=kind, default=getattr(default, name), help=f"{meaning} (default: %(default)s)")


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The recipe with what the command line says.

    Raises:
        InputError: if a number makes no sense.
    """
    if not 0 <= args.seed < 2**32:
        raise InputError(f"--seed is {args.seed}: give a number from 0 to {2**32 - 1}.")
    recipe = replace(Recipe(), seed=args.seed)
    if args.validation:
        recipe = replace(recipe, validation=tuple(args.validation))
    for who in ("teacher", "student"):
        field = f"{who}_schedule"
        given = {k.removeprefix(f"{who}_"): v for k, v in vars(args).items() if k.startswith(f"{who}_")}
        for name, value in given.items():
            if not value > 0:
                raise InputError(f"--{who}-{name.replace('_', '-')} is {value}: give a number above 0.")
        recipe = replace(recipe, **{field: replace(getattr(recipe, field), **given)})
    return recipe


def load_split(data: Path, recipe: Recipe) -> tuple[list[Case], list[Case]]:
    """Training and validation cases of a prepared data set.

    Raises:
        InputError: if a validation case is missing or nothing is left to train on.
    """
    names = [entry["name"] for entry in read_manifest(data)["cases"]]
    training = [name for name in names if name not in recipe.validation]
    if not training:
        raise InputError(f"{data} holds validation cases alone: name fewer with --validation.")
    missing = sorted(set(recipe.validation) - set(names))
    if missing:
        raise InputError(f"{data} has no case {', '.join(missing)}: name validation cases of yours with --validation.")
    return load_cases(data, training), load_cases(data, recipe.validation)


def start_run(args: argparse.Namespace, recipe: Recipe) -> None:
    """Make the run folder, write the recipe into it and seed everything.

    Raises:
        OutputError: if the folder cannot be made.
        InputError: if it belongs to a run with another recipe.
    """
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{args.out} cannot be made ({error.strerror}): name another --out.") from None
    keep_freed_memory()
    recipe.write(args.out / "recipe.json")
    lightning.seed_everything(recipe.seed, verbose=False)
