"""What Lightning trains: a teacher from the labels, and a student from the labels and its teacher."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from MISTKDSegmentLib.bundle import InputContract
from MISTKDSegmentLib.errors import SegmentError
from Training.augment import NO_AUGMENTATION, view
from Training.checkpoints import DESCRIPTION, describe
from Training.distillation_losses import (
    SequenceLoss,
    channel_loss,
    logit_loss,
    relation_loss,
)
from Training.networks import Segmenter
from Training.prepared import IGNORE, Manifest
from Training.processes import process_count, process_rank, sum_over_processes
from Training.recipe import VIEW_MULTIPLE, Recipe, Schedule
from Training.segmentation_loss import segmentation_loss
from Training.slices import Batch, SliceDataset


class SegmentationTask(lightning.LightningModule):
    """Trains `network` on labelled slices; validates by Dice over whole cases.

    Args:
        network: the network to train.
        recipe: augmentation, view and pixel spacing.
        schedule: of this network.
        manifest: of the prepared cases: organs, window and pixel spacing.
        provenance: how the network comes about; part of its checkpoints.
        compiled: whether torch.compile fuses the network.
    """

    def __init__(self, network: Segmenter, recipe: Recipe, schedule: Schedule, manifest: Manifest,
                 provenance: Mapping[str, Any], *, compiled: bool = False) -> None:
        super().__init__()
        self.network = network
        self.recipe, self.schedule, self.manifest = recipe, schedule, manifest
        self.provenance = dict(provenance)
        self.zoom = recipe.pixel_spacing_mm / manifest.pixel_spacing_mm
        self._features = torch.compile(network.features) if compiled else network.features
        # channels_last is the faster one, but gradients of compiled networks are wrong in it (PyTorch 2.13, CPU).
        self._memory_format = torch.contiguous_format if compiled else torch.channels_last
        network.to(memory_format=self._memory_format)  # type: ignore[call-overload]  # missing in torch's stubs
        self._seconds_before, self._started = 0.0, time.monotonic()
        self._counts: Tensor | None = None

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        # So that stochastic depth goes on after an interruption as it would have without.
        torch.manual_seed((self.recipe.seed << 40) + (self.global_step << 16) + process_rank())
        pixels, labels = view(
            batch.image, batch.labels, batch.seed, self.recipe.view, self.zoom, self.recipe.augmentation
        )
        terms = self.terms(self.arranged(pixels), labels, batch.known)
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            raise SegmentError(self._not_finite(terms, batch))
        several = process_count() > 1
        self.log("loss", loss, prog_bar=True, sync_dist=several)
        self.log_dict({name: term.detach() for name, term in terms.items()}, sync_dist=several)
        return loss

    def arranged(self, pixels: Tensor) -> Tensor:
        """The same pixels, laid out in memory as the network is."""
        return pixels.contiguous(memory_format=self._memory_format)

    def terms(self, pixels: Tensor, labels: Tensor, known: Tensor) -> dict[str, Tensor]:
        """The loss of one batch of views, term by term, with their weights.

        Args:
            pixels: float32 (batch, context, height, width) in [0, 1].
            labels: int64 (batch, height, width), channels of the organs, 255 where nothing is known.
            known: bool (batch, classes), the channels that the labels tell.
        """
        return {"segmentation": segmentation_loss(self._features(pixels)[1], labels, known)}

    def _not_finite(self, terms: Mapping[str, Tensor], batch: Batch) -> str:
        dataset: SliceDataset = self.trainer.train_dataloader.dataset
        broken = ", ".join(name for name, term in terms.items() if not torch.isfinite(term))
        slices = ", ".join(dataset.name(int(place)) for place in batch.place)
        return (f"The loss is no number any more at step {self.global_step} ({broken or 'sum'}; slices {slices}): "
                "lower the learning rate or use --machine.precision 32-true, and go on from the last checkpoint "
                "with --resume.")

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        labels, scores = self.predict(batch)
        dataset: SliceDataset = self.trainer.val_dataloaders.dataset
        classes = scores.shape[1]
        if self._counts is None:
            self._counts = torch.zeros(len(dataset.cases), classes, classes, dtype=torch.long, device=self.device)
        for place, target, predicted in zip(batch.place.tolist(), labels, scores.argmax(1), strict=True):
            valid = target != IGNORE
            both = torch.bincount(target[valid] * classes + predicted[valid], minlength=classes**2)
            self._counts[dataset.locate(place)[0]] += both.view(classes, classes)

    def predict(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Labels (batch, h, w) and logits (batch, classes, h, w) of whole slices without augmentation."""
        pixels, labels = self.whole_slices(batch)
        logits = self.network(self.arranged(pixels)).float()
        return labels, nn.functional.interpolate(logits, labels.shape[1:], mode="bilinear", align_corners=False)

    def whole_slices(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Pixels float32 (batch, context, h, w) and labels int64 (batch, h, w) without augmentation."""
        height, width = (_ceil(round(n / self.zoom), VIEW_MULTIPLE) for n in batch.image.shape[-2:])
        return view(batch.image, batch.labels, batch.seed, (height, width), self.zoom, NO_AUGMENTATION)

    def on_validation_epoch_end(self) -> None:
        assert self._counts is not None
        counts, self._counts = sum_over_processes(self._counts).double(), None
        cases = self.trainer.val_dataloaders.dataset.cases
        dice = organ_dice(counts, torch.tensor([case.known.tolist() for case in cases], device=counts.device))
        self.log("dice", dice.nanmean(), prog_bar=True)
        self.log_dict({
            f"dice_{label.name}": value for label, value in zip(self.manifest.labels, dice, strict=True)
            if not value.isnan()
        })

    def configure_optimizers(self) -> dict[str, Any]:
        trained = [p for p in self.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in trained if p.ndim > 1]},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(
            groups, lr=self.schedule.learning_rate, weight_decay=self.schedule.weight_decay
        )
        rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, self.schedule))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    def on_train_start(self) -> None:
        self._started = time.monotonic()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        seconds = self._seconds_before + time.monotonic() - self._started
        checkpoint["seconds"] = seconds
        provenance = {**self.provenance, "steps": self.global_step, "minutes": round(seconds / 60, 1)}
        contract = contract_of(self.recipe, self.manifest)
        checkpoint[DESCRIPTION] = describe(self.network, self.manifest.labels, contract, provenance)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._seconds_before = checkpoint["seconds"]


class DistillationTask(SegmentationTask):
    """Trains a student beside its frozen teacher, which sees the same views.

    Args:
        student: the network to train.
        teacher: the trained network; kept in evaluation mode, never updated and not part of the checkpoint.
        recipe, schedule, manifest, provenance, compiled: as in `SegmentationTask`.
    """

    def __init__(self, student: Segmenter, teacher: Segmenter, recipe: Recipe, schedule: Schedule, manifest: Manifest,
                 provenance: Mapping[str, Any], *, compiled: bool = False) -> None:
        super().__init__(student, recipe, schedule, manifest, provenance, compiled=compiled)
        self.weights = recipe.distillation
        if self.weights.sequence:
            self.sequence_loss = SequenceLoss(
                student.config.widths, teacher.config.widths, self.weights.stage_weights
            )
        # In a list, so that it is neither a submodule nor saved nor averaged with the student.
        self._teacher = [teacher.eval().requires_grad_(False)]
        self._teacher_features = torch.compile(teacher.features) if compiled else teacher.features

    def terms(self, pixels: Tensor, labels: Tensor, known: Tensor) -> dict[str, Tensor]:
        self._teacher[0].to(pixels.device)
        with torch.no_grad():
            their_tokens, (their_logits, *_) = self._teacher_features(pixels)
        tokens, logits = self._features(pixels)
        weights = self.weights
        terms: dict[str, Tensor] = {}
        if weights.sequence:
            terms["sequence"] = weights.sequence * self.sequence_loss(tokens, their_tokens)
        if weights.relation:
            terms["relation"] = weights.relation * relation_loss(tokens, their_tokens, weights.stage_weights)
        if weights.channel:
            terms["channel"] = weights.channel * channel_loss(logits[0], their_logits, weights.channel_temperature)
        if weights.logit:
            terms["logit"] = weights.logit * logit_loss(logits[0], their_logits, weights.logit_temperature)
        share = torch.where(known.any(1), 1.0, weights.unlabelled_weight)
        return {
            "segmentation": segmentation_loss(logits, labels, known),
            **{name: (share * term).mean() for name, term in terms.items()},
        }


def contract_of(recipe: Recipe, manifest: Manifest) -> InputContract:
    """What a network of this recipe wants to see."""
    return InputContract(
        window_hu=manifest.window_hu,
        pixel_spacing_mm=recipe.pixel_spacing_mm,
        multiple=VIEW_MULTIPLE,
        context_offsets_mm=tuple(recipe.context_offsets_mm),
        slice_step_mm=recipe.slice_step_mm,
    )


def organ_dice(counts: Tensor, known: Tensor) -> Tensor:
    """Dice per organ, averaged over the cases that know the organ and where it is real or predicted.

    Args:
        counts: (cases, classes, classes), voxels by reference and prediction.
        known: bool (cases, classes).

    Returns:
        (classes - 1,); NaN for organs that no case tells.
    """
    overlap = counts.diagonal(dim1=1, dim2=2)
    dice = 2 * overlap / (counts.sum(1) + counts.sum(2))
    return torch.where(known, dice, torch.nan).nanmean(0)[1:]


def rate_at(step: int, schedule: Schedule) -> float:
    """Share of the peak learning rate: a linear warm-up, then a cosine from 1 to 0.01."""
    warmup = max(1, round(schedule.warmup * schedule.steps))
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, schedule.steps - warmup))
    return 0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2


def _ceil(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
