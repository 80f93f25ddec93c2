"""Everything that decides a training run, in one place that is written beside its result."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from MISTKDSegmentLib.atomic import atomic_path
from MISTKDSegmentLib.errors import InputError
from Training.augment import Augmentation
from Training.networks import STUDENT, TEACHER, NetworkConfig


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained.

    Attributes:
        steps: optimiser steps.
        batch_size: slices per step.
        learning_rate: peak of a cosine that ends at a hundredth of it.
        warmup: share of the steps over which the rate rises from zero.
        weight_decay: AdamW's, on matrices and kernels only.
        ema_decay: of the averaged weights, which are those that are kept.
    """

    steps: int
    batch_size: int = 16
    learning_rate: float = 6e-4
    warmup: float = 0.05
    weight_decay: float = 0.05
    ema_decay: float = 0.995


@dataclass(frozen=True)
class Recipe:
    """A run of the method.

    Attributes:
        seed: of initial weights, data order and augmentation.
        validation: cases that are never trained on.
        pixel_spacing_mm: pixel size that the networks see.
        view: height and width of training views in pixels, multiples of 32.
        context_offsets_mm: slices seen together, by distance; the middle one is segmented.
        slice_step_mm: distance of the slices that inference runs in thin-slice scans.
        teacher, student: sizes of the networks.
        teacher_schedule, student_schedule: their training.
        augmentation: random views.
        sequence_weight: of the loss between the encoders' token sequences.
        logit_weight: of the divergence between the logits.
    """

    seed: int = 0
    validation: tuple[str, ...] = ("case0010", "case0024", "case0031", "case0039")
    pixel_spacing_mm: float = 2.0
    view: tuple[int, int] = (128, 192)
    context_offsets_mm: tuple[float, ...] = (-5.0, 0.0, 5.0)
    slice_step_mm: float = 3.0
    teacher: NetworkConfig = TEACHER
    student: NetworkConfig = STUDENT
    teacher_schedule: Schedule = field(default_factory=lambda: Schedule(steps=2400))
    student_schedule: Schedule = field(default_factory=lambda: Schedule(steps=2400, learning_rate=1e-3))
    augmentation: Augmentation = field(default_factory=Augmentation)
    sequence_weight: float = 1.0
    logit_weight: float = 1.0

    def write(self, path: Path) -> None:
        """Save as JSON.

        Raises:
            InputError: if the file holds another recipe: a run cannot go on with other rules than it began with.
        """
        text = json.dumps(asdict(self), indent=2) + "\n"
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise InputError(f"{path} is of another recipe: name a new --out, or the options that run began with.")
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
