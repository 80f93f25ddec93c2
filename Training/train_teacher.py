"""Train the teacher on prepared cases."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_only

from Training.cli.command import run_command
from Training.cli.options import check_machine, parse, recipe_of, training_parser
from Training.data.files import check_folder
from Training.engine.checkpoints import LAST, read_trained
from Training.engine.dry_run import report
from Training.engine.fit import fit
from Training.engine.run_folder import Run, open_run, started_run
from Training.engine.start import start_facts, start_network
from Training.engine.tasks import SegmentationTask
from Training.networks.config import NetworkConfig
from Training.networks.segmenter import Segmenter, parameter_count


def new_network(run: Run, config: NetworkConfig, start: str | None) -> Segmenter:
    """A network of a run before its training; the same at every call.

    Raises:
        InputError: `start` is no checkpoint of these sizes.
    """
    torch.manual_seed(run.recipe.seed)
    network = Segmenter(run.channels, run.classes, config)
    start_network(network, start, run)
    return network


def teacher_task(run: Run) -> SegmentationTask:
    """What trains a teacher."""
    network = new_network(run, run.recipe.teacher_network, run.recipe.teacher_start)
    provenance = {**run.provenance, "parameters": {"teacher": parameter_count(network)},
                  **start_facts(run.recipe.teacher_start)}
    return SegmentationTask(network, run.recipe, run.recipe.teacher_schedule, run.manifest, provenance,
                            compiled=run.machine.compile)


def train_teacher(run: Run, folder: Path) -> Path:
    """Train a teacher, or go on training the one in `folder`.

    Args:
        run: recipe, data and machine.
        folder: for checkpoints, logs and pictures.

    Returns:
        Its last checkpoint, which holds the averaged weights.
    """
    fit(teacher_task(run), run.training, run.validation, folder, run.machine)
    return folder / LAST


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(training_parser("train_teacher", __doc__), argv)
    return run_command("train_teacher", lambda: _run(options))


def _run(options: Namespace) -> None:
    recipe = recipe_of(options)
    machine = check_machine(options, recipe.teacher_schedule.batch_size)
    check_folder(options.out)
    run = open_run(options.data, recipe, machine)
    if options.dry_run:
        report([("teacher", teacher_task(run))], run)
        return
    with started_run(options.out, run, resume=options.resume):
        checkpoint = train_teacher(run, options.out)
    if rank_zero_only.rank == 0:
        print(f"Teacher: {checkpoint} ({read_trained(checkpoint).provenance['minutes']} minutes)")


if __name__ == "__main__":
    sys.exit(main())
