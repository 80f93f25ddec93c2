"""A recipe so small that a run takes seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from Training.engine.recipe import Recipe, Schedule
from Training.engine.run_folder import TrainingRun, open_run
from Training.engine.tasks import DistillationTask
from Training.engine.trainer_settings import TrainerSettings
from Training.engine.trainings import student_task
from Training.networks.config import NetworkConfig
from Training.networks.segmenter import Segmenter

SMALL = NetworkConfig(widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), heads=(1, 1, 1, 1), decoder_width=8, stem_width=8)
LARGE = NetworkConfig(widths=(16, 32, 40, 48), depths=(1, 1, 1, 1), heads=(1, 1, 1, 1), decoder_width=24, stem_width=8)
SCHEDULE = Schedule(steps=4, batch_size=2, learning_rate=1e-3, ema_decay=0.5, validations=2, checkpoint_steps=1)
RECIPE = replace(Recipe(), validation=("c",), view=(32, 64), pixel_spacing_mm=1.5, student_network=SMALL,
                 teacher_network=LARGE, teacher_schedule=SCHEDULE, student_schedule=SCHEDULE)
TRAINER = TrainerSettings(accelerator="cpu", precision="32-true")


def toy_run(data: Sequence[Path], **changes: Any) -> TrainingRun:
    """A run of the toy recipe, with changes to it."""
    return open_run(data, replace(RECIPE, **changes), TRAINER)


def toy_student(run: TrainingRun) -> DistillationTask:
    """A student beside an untrained teacher; the same at every call."""
    torch.manual_seed(1)
    return student_task(run, [Segmenter(run.channels, run.classes, run.recipe.teacher_network)])


def write_config(path: Path, **changes: Any) -> Path:
    """The toy recipe as a configuration file, with changes to it."""
    settings = {"accelerator": "cpu", "precision": "32-true"}
    document = replace(RECIPE, **changes).as_plain() | {"trainer": settings}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path
