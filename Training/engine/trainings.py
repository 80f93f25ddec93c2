"""The two trainings of the method: a teacher from the labels, and a student from the labels and its teacher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from MISTKDSegmentLib.errors import InputError
from Training.engine.checkpoints import LAST, Trained, read_trained
from Training.engine.fit import fit
from Training.engine.initial_weights import (
    check_not_seen,
    check_organs,
    check_slices,
    start_facts,
    start_network,
    teacher_facts,
)
from Training.engine.run_folder import TrainingRun
from Training.engine.tasks import DistillationTask, SegmentationTask
from Training.networks.config import NetworkConfig
from Training.networks.segmenter import Segmenter, parameter_count
from Training.system.files import file_sha256

# Of the teacher's parameters, in the student.
LARGEST_SHARE = 1 / 8


def train_teacher(run: TrainingRun, folder: Path) -> Path:
    """Train a teacher, or go on training the one in `folder`.

    Args:
        run: recipe, data and trainer settings.
        folder: for checkpoints, logs and pictures.

    Returns:
        Its last checkpoint, which holds the averaged weights.
    """
    fit(teacher_task(run), run.training, run.validation, folder, run.settings)
    return folder / LAST


def distill(run: TrainingRun, teachers: Sequence[Path], folder: Path) -> Path:
    """Train a student beside its teachers, or go on training the one in `folder`.

    Args:
        run: recipe, data and trainer settings.
        teachers: their checkpoints.
        folder: for checkpoints, logs and pictures.

    Returns:
        Its last checkpoint, which holds the averaged weights.

    Raises:
        InputError: a teacher does not fit the run, or the student is too large for it.
    """
    task = student_task(run, read_teachers(run, teachers), teacher_facts(teachers))
    fit(task, run.training, run.validation, folder, run.settings)
    return folder / LAST


def teacher_task(run: TrainingRun) -> SegmentationTask:
    """Make the task that trains a teacher."""
    network = new_network(run, run.recipe.teacher_network, run.recipe.teacher_start)
    provenance = {**run.provenance, "parameters": {"teacher": parameter_count(network)},
                  **start_facts(run.recipe.teacher_start, run.recipe.teacher_network)}
    return SegmentationTask(network, run.recipe, run.recipe.teacher_schedule, run.manifest, provenance,
                            compiled=run.settings.compile)


def student_task(run: TrainingRun, teachers: Sequence[Segmenter], facts: dict | None = None) -> DistillationTask:
    """Make the task that trains a student beside its teachers.

    Args:
        run: recipe, data and trainer settings.
        teachers: trained; they are not changed. Token sequences are the first one's.
        facts: how the teachers came about, for the student's provenance.

    Raises:
        InputError: if the student has more than one eighth of a teacher's parameters, or if the teacher is to speak of
            unlabelled slices alone and there are none.
    """
    _check_that_teacher_speaks(run)
    student = new_network(run, run.recipe.student_network, run.recipe.student_start)
    check_share(student, teachers)
    parameters = {"teacher": parameter_count(teachers[0]), "student": parameter_count(student)}
    provenance = {**run.provenance, "parameters": parameters, "teacher": dict(facts or {}),
                  **start_facts(run.recipe.student_start, run.recipe.student_network)}
    return DistillationTask(student, teachers, run.recipe, run.recipe.student_schedule, run.manifest, provenance,
                            compiled=run.settings.compile)


def _check_that_teacher_speaks(run: TrainingRun) -> None:
    weights = run.recipe.distillation
    unlabelled = weights.unlabelled_weight and weights.unlabelled_share and run.split.unlabelled
    if not weights.labelled_weight and not unlabelled:
        raise InputError("distillation.labelled_weight is 0, and there are no unlabelled slices of which the teacher "
                         "could speak: prepare unlabelled scans and name their folder too, or give it a weight.")


def new_network(run: TrainingRun, config: NetworkConfig, start: str | None) -> Segmenter:
    """Make a network of a run before its training; the same at every call.

    Raises:
        InputError: `start` is no checkpoint of these sizes.
    """
    torch.manual_seed(run.recipe.seed)
    network = Segmenter(run.channels, run.classes, config)
    start_network(network, start, run)
    return network


def read_teachers(run: TrainingRun, checkpoints: Sequence[Path]) -> list[Segmenter]:
    """Read teachers that fit the run and are not the same network twice.

    Raises:
        InputError: one does not fit, see `read_teacher`, or is named twice.
    """
    networks: dict[str, Segmenter] = {}
    for checkpoint in checkpoints:
        network = read_teacher(run, checkpoint).network
        sha256 = file_sha256(checkpoint)
        if sha256 in networks:
            raise InputError(f"{checkpoint} is a teacher that --teacher has named already: name each once.")
        networks[sha256] = network
    return list(networks.values())


def read_teacher(run: TrainingRun, checkpoint: Path) -> Trained:
    """Read a teacher that fits the run.

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
                         f"{run.recipe.pixel_spacing_mm} mm: give both the same --pixel-spacing-mm.")
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
