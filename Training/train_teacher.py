"""Train the teacher on prepared cases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from MISTKDSegmentLib.labels import ABDOMEN_LABELS
from Training.command import run_command
from Training.data import Case
from Training.fit import LAST, fit, load_weights
from Training.networks import Segmenter
from Training.options import (
    add_run_options,
    add_schedule_options,
    load_split,
    recipe_of,
    start_run,
)
from Training.recipe import Recipe
from Training.tasks import SegmentationTask

CLASSES = len(ABDOMEN_LABELS) + 1


def train_teacher(recipe: Recipe, training: Sequence[Case], validation: Sequence[Case], folder: Path) -> Segmenter:
    """Train a teacher, or go on training the one in `folder`.

    Args:
        recipe: the run.
        training, validation: prepared cases.
        folder: for checkpoints and logs.

    Returns:
        The teacher with its averaged weights.
    """
    network = Segmenter(len(recipe.context_offsets_mm), CLASSES, recipe.teacher)
    task = SegmentationTask(network, recipe, recipe.teacher_schedule, training[0].pixel_spacing_mm)
    fit(task, training, validation, folder)
    return load_weights(network, folder / LAST)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_options(parser)
    add_schedule_options(parser, "teacher", Recipe().teacher_schedule)
    args = parser.parse_args(argv)

    def work() -> None:
        recipe = recipe_of(args)
        training, validation = load_split(args.data, recipe)
        start_run(args, recipe)
        train_teacher(recipe, training, validation, args.out)
        print(f"Teacher: {args.out / LAST}")

    return run_command("train_teacher", work)


if __name__ == "__main__":
    sys.exit(main())
