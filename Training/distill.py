"""Train a teacher, distil a student of at most one eighth of its parameters, and export it as a model bundle."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_only

from MISTKDSegmentLib.errors import InputError
from Training.cli.command import run_command
from Training.cli.options import Parser, check_machine, parse, recipe_of, training_parser
from Training.data.files import check_folder, file_sha256
from Training.engine.checkpoints import LAST, Trained, read_trained
from Training.engine.dry_run import report
from Training.engine.fit import fit
from Training.engine.run_folder import Run, open_run, started_run
from Training.engine.start import check_not_seen, check_organs, check_slices, start_facts, teacher_facts
from Training.engine.tasks import DistillationTask
from Training.networks.segmenter import Segmenter, parameter_count
from Training.train_teacher import new_network, teacher_task, train_teacher

LARGEST_SHARE = 1 / 8


def student_task(run: Run, teachers: Sequence[Segmenter], teacher_facts: dict | None = None) -> DistillationTask:
    """What trains a student beside its teachers.

    Args:
        run: recipe, data and machine.
        teachers: trained; they are not changed. Token sequences are the first one's.
        teacher_facts: how the teachers came about, for the student's provenance.

    Raises:
        InputError: if the student has more than one eighth of a teacher's parameters.
    """
    student = new_network(run, run.recipe.student_network, run.recipe.student_start)
    check_share(student, teachers)
    parameters = {"teacher": parameter_count(teachers[0]), "student": parameter_count(student)}
    provenance = {**run.provenance, "parameters": parameters, "teacher": dict(teacher_facts or {}),
                  **start_facts(run.recipe.student_start, run.recipe.student_network)}
    return DistillationTask(student, teachers, run.recipe, run.recipe.student_schedule, run.manifest, provenance,
                            compiled=run.machine.compile)


def distill(run: Run, teachers: Sequence[Path], folder: Path) -> Path:
    """Train a student beside its teachers, or go on training the one in `folder`.

    Args:
        run: recipe, data and machine.
        teachers: their checkpoints.
        folder: for checkpoints, logs and pictures.

    Returns:
        Its last checkpoint, which holds the averaged weights.

    Raises:
        InputError: a teacher does not fit the run, or the student is too large for it.
    """
    task = student_task(run, read_teachers(run, teachers), teacher_facts(teachers))
    fit(task, run.training, run.validation, folder, run.machine)
    return folder / LAST


def read_teachers(run: Run, checkpoints: Sequence[Path]) -> list[Segmenter]:
    """Teachers that fit the run and are not the same network twice.

    Raises:
        InputError: as of `read_teacher`, or one is named twice.
    """
    networks: dict[str, Segmenter] = {}
    for checkpoint in checkpoints:
        network = read_teacher(run, checkpoint).network
        sha256 = file_sha256(checkpoint)
        if sha256 in networks:
            raise InputError(f"{checkpoint} is a teacher that --teacher has named already: name each once.")
        networks[sha256] = network
    return list(networks.values())


def read_teacher(run: Run, checkpoint: Path) -> Trained:
    """A teacher that fits the run.

    Raises:
        InputError: it knows other organs or sees slices differently, or it was trained on a validation case.
    """
    trained = read_trained(checkpoint)
    if "student" in trained.provenance.get("parameters", {}):
        raise InputError(f"{checkpoint} is the checkpoint of a student: name that of a teacher with --teacher.")
    check_organs(checkpoint, trained, run)
    check_slices(checkpoint, trained, run)
    if trained.contract.pixel_spacing_mm != run.recipe.pixel_spacing_mm:
        raise InputError(f"{checkpoint} sees pixels of {trained.contract.pixel_spacing_mm} mm and the student of "
                         f"{run.recipe.pixel_spacing_mm} mm: give both the same --pixel_spacing_mm.")
    check_not_seen(checkpoint, trained, run)
    return trained


def check_share(student: Segmenter, teachers: Sequence[Segmenter]) -> None:
    """Refuse a student that breaks the rule of the paper.

    Raises:
        InputError: if it has more than one eighth of the parameters of any teacher.
    """
    ours, theirs = parameter_count(student), min(map(parameter_count, teachers))
    if ours > LARGEST_SHARE * theirs:
        raise InputError(
            f"The student has {ours:,} parameters and the teacher {theirs:,}: make the student at most an eighth."
        )


def distill_parser() -> Parser:
    """The options of this script."""
    parser = training_parser("distill", __doc__)
    parser.add_argument("--teacher", type=Path, nargs="+", metavar="CHECKPOINT",
                        help="use this teacher (Training/train_teacher.py) instead of training one; of several, class "
                        "probabilities are averaged and token sequences are the first one's")
    parser.add_argument("--bundle", type=Path | None, metavar="FOLDER",
                        help="where the model bundle goes; left out, RUN/bundle")
    parser.add_argument("--export", type=bool, default=True,
                        help="whether to export the student at the end; Training/export.py does it later as well")
    parser.add_argument("--name", default="student", help="of the model")
    parser.add_argument("--version", default="0.1.0", help="of the model")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(distill_parser(), argv)
    return run_command("distill", lambda: _run(options))


def _run(options: Namespace) -> None:
    recipe = recipe_of(options)
    machine = check_machine(options, recipe.teacher_schedule.batch_size, recipe.student_schedule.batch_size)
    if not options.name.strip() or not options.version.strip():
        raise InputError("--name and --version are of the model: give each at least a letter.")
    check_folder(options.bundle or options.out)
    run = open_run(options.data, recipe, machine)
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


def _export(options: Namespace, run: Run, checkpoint: Path) -> None:
    # Not at the top: machines that train need none of what exporting does.
    from Training.export import export_trained

    folder = options.bundle or options.out / "bundle"
    export_trained(read_trained(checkpoint), folder, name=options.name, version=options.version,
                   prepared_case=run.training[0], run=checkpoint.parent)
    print(f"Bundle: {folder}")


if __name__ == "__main__":
    sys.exit(main())
