"""Train the teacher on prepared cases."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Sequence

from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_only

from Training.cli.command import parse, run_command
from Training.cli.training_options import recipe_of, trainer_settings_of, training_parser
from Training.engine.checkpoints import read_trained
from Training.engine.dry_run import report
from Training.engine.run_folder import open_run, started_run
from Training.engine.trainings import teacher_task, train_teacher
from Training.system.files import check_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(training_parser("mistkd train-teacher", __doc__), argv)
    return run_command("mistkd train-teacher", lambda: _run(options))


def _run(options: Namespace) -> None:
    recipe = recipe_of(options)
    settings = trainer_settings_of(options, recipe.teacher_schedule.batch_size)
    check_folder(options.out)
    run = open_run(options.data, recipe, settings)
    if options.dry_run:
        report([("teacher", teacher_task(run))], run)
        return
    with started_run(options.out, run, resume=options.resume):
        checkpoint = train_teacher(run, options.out)
    if rank_zero_only.rank == 0:
        print(f"Teacher: {checkpoint} ({read_trained(checkpoint).provenance['minutes']} minutes)")


if __name__ == "__main__":
    sys.exit(main())
