"""Train a teacher, distil a student of at most one eighth of its parameters, and export it as a model bundle."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_only

from MISTKDSegmentLib.errors import InputError
from Training.cli.command import Parser, parse, run_command
from Training.cli.training_options import recipe_of, trainer_settings_of, training_parser
from Training.engine.checkpoints import read_trained
from Training.engine.dry_run import report
from Training.engine.run_folder import TrainingRun, open_run, started_run
from Training.engine.trainings import distill, read_teachers, student_task, teacher_task, train_teacher
from Training.system.files import check_folder


def distill_parser() -> Parser:
    """The options of this script."""
    parser = training_parser("mistkd distill", __doc__)
    parser.add_argument("--teacher", type=Path, nargs="+", metavar="CHECKPOINT",
                        help="use this teacher (mistkd train-teacher) instead of training one; of several, class "
                        "probabilities are averaged and token sequences are the first one's")
    parser.add_argument("--bundle", type=Path | None, metavar="FOLDER",
                        help="where the model bundle goes; left out, RUN/bundle")
    parser.add_argument("--export", type=bool, default=True,
                        help="whether to export the student at the end; mistkd export does it later as well")
    parser.add_argument("--name", default="student", help="of the model")
    parser.add_argument("--version", default="0.1.0", help="of the model")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(distill_parser(), argv)
    return run_command("mistkd distill", lambda: _run(options))


def _run(options: Namespace) -> None:
    recipe = recipe_of(options)
    settings = trainer_settings_of(options, recipe.teacher_schedule.batch_size, recipe.student_schedule.batch_size)
    if not options.name.strip() or not options.version.strip():
        raise InputError("--name and --version are of the model: give each at least a letter.")
    check_folder(options.bundle or options.out)
    run = open_run(options.data, recipe, settings)
    teachers = read_teachers(run, options.teacher) if options.teacher else [teacher_task(run).network]
    student = student_task(run, teachers)
    if options.dry_run:
        report([*([] if options.teacher else [("teacher", teacher_task(run))]), ("student", student)], run)
        return
    with started_run(options.out, run, resume=options.resume, teachers=options.teacher or ()):
        checkpoints = options.teacher or [train_teacher(run, options.out / "teacher")]
        checkpoint = distill(run, checkpoints, options.out / "student")
        if rank_zero_only.rank == 0:
            print(f"Student: {checkpoint}")
            if options.export:
                _export(options, run, checkpoint)


def _export(options: Namespace, run: TrainingRun, checkpoint: Path) -> None:
    # Not at the top: machines that train need none of what exporting does.
    from Training.bundle.export import export_trained

    folder = options.bundle or options.out / "bundle"
    export_trained(read_trained(checkpoint), folder, name=options.name, version=options.version,
                   prepared_case=run.training[0], run=checkpoint.parent)
    print(f"Bundle: {folder}")


if __name__ == "__main__":
    sys.exit(main())
