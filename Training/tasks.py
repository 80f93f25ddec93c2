"""What Lightning trains: a teacher from the labels, and a student from the labels and its teacher."""

from __future__ import annotations

import math
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from Training.augment import NO_AUGMENTATION, view
from Training.losses import SequenceLoss, logit_loss, segmentation_loss
from Training.networks import Segmenter
from Training.recipe import Recipe, Schedule

Batch = tuple[Tensor, Tensor]


class SegmentationTask(lightning.LightningModule):
    """Trains `network` on labelled slices; validates by Dice over whole cases.

    Args:
        network: the network to train.
        recipe: augmentation, view and pixel spacing.
        schedule: of this network.
        data_spacing_mm: pixel spacing of the prepared cases.
    """

    def __init__(self, network: Segmenter, recipe: Recipe, schedule: Schedule, data_spacing_mm: float) -> None:
        super().__init__()
        self.network = network
        self.recipe, self.schedule = recipe, schedule
        self.zoom = recipe.pixel_spacing_mm / data_spacing_mm
        self.counts: dict[int, np.ndarray] = {}

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        image, labels = view(*batch, self.recipe.view, self.zoom, self.recipe.augmentation)
        loss = self.loss(image.contiguous(memory_format=torch.channels_last), labels)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"The loss is {loss.item()} at step {self.global_step}: lower the learning rate.")
        self.log("loss", loss, prog_bar=True)
        return loss

    def loss(self, image: Tensor, labels: Tensor) -> Tensor:
        """Loss of one batch of views (image float (batch, context, h, w), labels int64 (batch, h, w))."""
        loss = segmentation_loss(self.network.features(image)[1], labels)
        self.log("segmentation_loss", loss)
        return loss

    def validation_step(self, batch: Batch, batch_index: int, dataloader_idx: int = 0) -> None:
        image, labels = batch
        height, width = (-(-round(n / self.zoom) // 32) * 32 for n in image.shape[-2:])
        size = (height, width)
        pixels, targets = view(image, labels, size, self.zoom, NO_AUGMENTATION)
        logits = self.network(pixels.contiguous(memory_format=torch.channels_last)).float()
        logits = nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)
        counts = _overlap(logits.argmax(1), targets, logits.shape[1])
        self.counts[dataloader_idx] = self.counts.get(dataloader_idx, 0) + counts

    def on_validation_epoch_end(self) -> None:
        dice = np.stack([2 * c[0] / np.maximum(c[1] + c[2], 1) for c in self.counts.values()]).mean(0)[1:]
        self.counts.clear()
        self.log("dice", float(dice.mean()), prog_bar=True)
        self.log_dict({f"dice_label_{value}": float(d) for value, d in enumerate(dice, 1)})

    def configure_optimizers(self) -> dict:
        decayed = [p for p in self.parameters() if p.requires_grad and p.ndim > 1]
        plain = [p for p in self.parameters() if p.requires_grad and p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(
            groups, lr=self.schedule.learning_rate, weight_decay=self.schedule.weight_decay
        )
        rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, self.schedule))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}


class DistillationTask(SegmentationTask):
    """Trains a student beside its frozen teacher, which sees the same views.

    Args:
        student: the network to train.
        teacher: the trained network; kept in evaluation mode, never updated and not part of the checkpoint.
        recipe, schedule, data_spacing_mm: as in `SegmentationTask`.
    """

    def __init__(
        self, student: Segmenter, teacher: Segmenter, recipe: Recipe, schedule: Schedule, data_spacing_mm: float
    ) -> None:
        super().__init__(student, recipe, schedule, data_spacing_mm)
        self.sequence_loss = SequenceLoss(student.config.widths, teacher.config.widths)
        # In a list, so that it is neither a submodule nor saved nor averaged with the student.
        self._teacher = [teacher.eval().requires_grad_(False)]

    def loss(self, image: Tensor, labels: Tensor) -> Tensor:
        teacher = self._teacher[0].to(image.device)
        with torch.no_grad():
            teacher_tokens, teacher_logits = teacher.features(image)
        tokens, logits = self.network.features(image)
        terms = {
            "segmentation_loss": segmentation_loss(logits, labels),
            "sequence_loss": self.recipe.sequence_weight * self.sequence_loss(tokens, teacher_tokens),
            "logit_loss": self.recipe.logit_weight * logit_loss(logits[0], teacher_logits[0]),
        }
        self.log_dict(terms)
        return torch.stack(list(terms.values())).sum()


def _overlap(prediction: Tensor, target: Tensor, classes: int) -> np.ndarray:
    """Voxels per class of (intersection, prediction, target): shape (3, classes)."""
    both = torch.bincount((target * classes + prediction).flatten(), minlength=classes * classes)
    table = both.view(classes, classes).double().cpu().numpy()
    return np.stack([table.diagonal(), table.sum(0), table.sum(1)])


def _rate(step: int, schedule: Schedule) -> float:
    """Linear warm-up, then a cosine from 1 to 0.01."""
    warmup = max(1, round(schedule.warmup * schedule.steps))
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, schedule.steps - warmup))
    return 0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2


