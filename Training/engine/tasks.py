"""Tasks that Lightning trains: a teacher from the labels, and a student from the labels and its teachers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from MISTKDSegmentLib.errors import SegmentError
from MISTKDSegmentLib.geometry.box import round_up
from MISTKDSegmentLib.model.bundle import InputContract
from Training.data.augment import augment
from Training.data.augmentation import NO_AUGMENTATION
from Training.data.manifest import Manifest
from Training.data.prepared import IGNORE
from Training.data.slice_dataset import Batch, SliceDataset
from Training.engine.checkpoints import DESCRIPTION, describe
from Training.engine.recipe import VIEW_DIVISOR, Recipe, Schedule
from Training.engine.teachers import EnsembleTeacher
from Training.losses.distillation import SequenceLoss, channel_loss, logit_loss, relation_loss
from Training.losses.segmentation import segmentation_loss
from Training.networks.segmenter import Segmenter
from Training.system.distributed import process_count, sum_over_processes


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
        self.own_slice = recipe.context_offsets_mm.index(0.0)
        self.zoom = recipe.pixel_spacing_mm / manifest.pixel_spacing_mm
        self._features = torch.compile(network.features) if compiled else network.features
        # channels_last is the faster one, but gradients of compiled networks are wrong in it (PyTorch 2.13, CPU).
        self._memory_format = torch.contiguous_format if compiled else torch.channels_last
        network.to(memory_format=self._memory_format)  # type: ignore[call-overload]  # missing in torch's stubs
        self._seconds_before, self._started = 0.0, time.monotonic()

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        self._batch = batch
        pixels, labels = augment(batch.image, batch.labels, batch.seed, self.view_size(self.global_step), self.zoom,
                              self.recipe.augmentation, self.own_slice)
        terms = self.terms(self.arranged(pixels), labels, batch.annotated, self.drop_path_draws(batch.seed))
        loss = torch.stack(list(terms.values())).sum()
        several = process_count() > 1
        if not torch.isfinite(sum_over_processes(loss.detach())):
            broken = [name for name, term in terms.items() if not torch.isfinite(term)]
            raise SegmentError(self._not_finite(", ".join(broken) or "the loss of another process"))
        self.log("loss", loss, prog_bar=True, sync_dist=several)
        self.log_dict({name: term.detach() for name, term in terms.items()}, sync_dist=several)
        return loss

    def view_size(self, step: int) -> tuple[int, int]:
        """Height and width of the views of a step, the same in every process."""
        chance = np.random.default_rng((self.recipe.seed, step)).random()
        return self.recipe.wide_view if chance < self.recipe.wide_share else self.recipe.view

    def arranged(self, pixels: Tensor) -> Tensor:
        """The same pixels, laid out in memory as the network is."""
        return pixels.contiguous(memory_format=self._memory_format)

    def terms(self, pixels: Tensor, labels: Tensor, annotated: Tensor, draws: Tensor | None = None
              ) -> dict[str, Tensor]:
        """The loss of one batch of views, term by term, with their weights.

        Args:
            pixels: float32 (batch, context, height, width) in [0, 1].
            labels: int64 (batch, height, width), channels of the organs, 255 where no label is valid.
            annotated: bool (batch, classes), the channels that each reference annotates.
            draws: (batch, branches), which branches of the network each item skips; see `MiTEncoder`.
        """
        return {"segmentation": segmentation_loss(self._features(pixels, draws)[1], labels, annotated)}

    def drop_path_draws(self, seeds: Tensor) -> Tensor | None:
        """Numbers (batch, branches) in [0, 1) for drop path, each item's from its own seed."""
        if not self.network.config.drop_path:
            return None
        # Not the seeds of the views themselves: their first numbers are the rotations.
        streams = [torch.Generator().manual_seed(seed ^ 1) for seed in seeds.tolist()]
        return torch.stack([torch.rand(self.network.config.branches, generator=s) for s in streams]).to(seeds.device)

    def _not_finite(self, what: str) -> str:
        dataset: SliceDataset = self.trainer.train_dataloader.dataset
        slices = ", ".join(dataset.name(int(place)) for place in self._batch.place)
        return (f"The loss is no number any more at step {self.global_step} ({what}; slices {slices}): go on from the "
                "last checkpoint with --resume --trainer.precision 32-true, or begin anew with a lower learning rate.")

    def configure_gradient_clipping(self, optimizer: Any, gradient_clip_val: float | None = None,
                                    gradient_clip_algorithm: str | None = None) -> None:
        norm = nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val or math.inf)
        # With 16-bit floats, the loss is scaled until gradients overflow now and then; those steps are left out.
        if not torch.isfinite(norm) and self.trainer.precision != "16-mixed":
            raise SegmentError(self._not_finite("its gradient"))

    def on_validation_epoch_start(self) -> None:
        classes = len(self.manifest.labels) + 1
        cases = len(self.trainer.val_dataloaders.dataset.cases)
        self._counts = torch.zeros(cases, classes, classes, dtype=torch.long, device=self.device)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        labels, scores = self.predict(batch)
        dataset: SliceDataset = self.trainer.val_dataloaders.dataset
        classes = scores.shape[1]
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
        height, width = (round_up(round(n / self.zoom), VIEW_DIVISOR) for n in batch.image.shape[-2:])
        return augment(batch.image, batch.labels, batch.seed, (height, width), self.zoom, NO_AUGMENTATION)

    def on_validation_epoch_end(self) -> None:
        counts = sum_over_processes(self._counts).double()
        cases = self.trainer.val_dataloaders.dataset.cases
        dice = organ_dice(counts, torch.tensor([case.annotated.tolist() for case in cases], device=counts.device))
        self.log("dice", dice.nanmean(), prog_bar=True)
        self.log_dict({
            f"dice_{label.name}": value for label, value in zip(self.manifest.labels, dice, strict=True)
            if not value.isnan()
        })

    def configure_optimizers(self) -> dict[str, Any]:
        encoder = {id(p) for p in self.network.encoder.parameters()}
        groups: list[dict[str, Any]] = []
        for in_encoder, rate in ((False, 1.0), (True, self.schedule.encoder_rate)):
            trained = [p for p in self.parameters() if p.requires_grad and (id(p) in encoder) == in_encoder]
            rates = {"lr": self.schedule.learning_rate * rate}
            groups.append({"params": [p for p in trained if p.ndim > 1], **rates})
            groups.append({"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0, **rates})
        optimizer = torch.optim.AdamW(
            groups, lr=self.schedule.learning_rate, weight_decay=self.schedule.weight_decay
        )
        cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, self.schedule))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}

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
    """Trains a student beside its frozen teachers, which see the same views, or those of them that count.

    Args:
        student: the network to train.
        teachers: trained networks (see `EnsembleTeacher`); never updated and not part of the checkpoint.
        recipe: augmentation, view, pixel spacing and weights of the terms.
        schedule: of the student.
        manifest: of the prepared cases: organs, window and pixel spacing.
        provenance: how the student comes about; part of its checkpoints.
        compiled: whether torch.compile fuses the networks.
    """

    def __init__(self, student: Segmenter, teachers: Sequence[Segmenter], recipe: Recipe, schedule: Schedule,
                 manifest: Manifest, provenance: Mapping[str, Any], *, compiled: bool = False) -> None:
        super().__init__(student, recipe, schedule, manifest, provenance, compiled=compiled)
        self.weights = recipe.distillation
        if self.weights.sequence:
            self.sequence_loss = SequenceLoss(
                student.config.widths, teachers[0].config.widths, self.weights.stage_weights
            )
        # No module, so that it is neither saved nor averaged with the student.
        self.teacher = EnsembleTeacher(teachers, self.weights.teacher_zooms, compiled=compiled)

    def terms(self, pixels: Tensor, labels: Tensor, annotated: Tensor, draws: Tensor | None = None
              ) -> dict[str, Tensor]:
        tokens, logits = self._features(pixels, draws)
        weights = self.weights
        share = torch.where(annotated.any(1), weights.labelled_weight, weights.unlabelled_weight)
        # What counts for nothing costs nothing. One at least: the projections of every process need a gradient.
        counted = share.nonzero().flatten() if share.any() else share.new_zeros(1, dtype=torch.long)
        their_tokens, their_logits = self.teacher(self.arranged(pixels[counted]))
        our_tokens, our_logits = [one.of_items(counted) for one in tokens], logits[0][counted]
        fading = fading_at(self.global_step, self.schedule.steps, weights.fade)
        terms: dict[str, Tensor] = {}
        if weights.sequence:
            terms["sequence"] = weights.sequence * fading * self.sequence_loss(our_tokens, their_tokens)
        if weights.relation:
            terms["relation"] = weights.relation * fading * relation_loss(our_tokens, their_tokens,
                                                                          weights.stage_weights)
        if weights.channel:
            terms["channel"] = weights.channel * channel_loss(our_logits, their_logits, weights.channel_temperature)
        if weights.logit:
            terms["logit"] = weights.logit * logit_loss(our_logits, their_logits, weights.logit_temperature)
        return {
            "segmentation": segmentation_loss(logits, labels, annotated),
            **{name: (share[counted] * term).sum() / len(share) for name, term in terms.items()},
        }


def contract_of(recipe: Recipe, manifest: Manifest) -> InputContract:
    """Contract of a network of this recipe: window, pixels and slices that it wants to see."""
    return InputContract(
        window_hu=manifest.window_hu,
        pixel_spacing_mm=recipe.pixel_spacing_mm,
        multiple=VIEW_DIVISOR,
        context_offsets_mm=tuple(recipe.context_offsets_mm),
        slice_step_mm=recipe.slice_step_mm,
        slice_smoothing_mm=recipe.slice_smoothing_mm,
    )


def organ_dice(counts: Tensor, annotated: Tensor) -> Tensor:
    """Dice per organ, averaged over the cases that know the organ and where it is real or predicted.

    Args:
        counts: (cases, classes, classes), voxels by reference and prediction.
        annotated: bool (cases, classes).

    Returns:
        (classes - 1,); NaN for organs that no case annotates.
    """
    overlap = counts.diagonal(dim1=1, dim2=2)
    dice = 2 * overlap / (counts.sum(1) + counts.sum(2))
    return torch.where(annotated, dice, torch.nan).nanmean(0)[1:]


def fading_at(step: int, steps: int, fade: float) -> float:
    """Share of a term that fades over the last `fade` of the steps: 1 before, 0 after the last step.

    Examples:
        >>> [fading_at(step, 100, 0.5) for step in (0, 50, 75, 100)]
        [1.0, 1.0, 0.5, 0.0]
        >>> fading_at(100, 100, 0.0)
        1.0
    """
    return min(1.0, (steps - step) / (steps * fade)) if fade else 1.0


def rate_at(step: int, schedule: Schedule) -> float:
    """Share of the peak learning rate: a linear warm-up, then a cosine from 1 to 0.01, anew after each restart.

    Examples:
        >>> schedule = Schedule(steps=300, warmup=0.1, restarts=(200,), restart_rate=0.5)
        >>> [round(rate_at(step, schedule), 2) for step in (0, 19, 199, 200, 209, 299, 300)]
        [0.05, 1.0, 0.01, 0.05, 0.5, 0.01, 0.01]
    """
    ends = [*schedule.restarts, schedule.steps]
    begin = max((restart for restart in schedule.restarts if restart <= step), default=0)
    steps = next(end for end in ends if end > begin) - begin
    height = schedule.restart_rate if begin else 1.0
    warmup = max(1, round(schedule.warmup * steps))
    if step - begin < warmup:
        return height * (step - begin + 1) / warmup
    progress = min(1.0, (step - begin - warmup) / max(1, steps - warmup))
    return height * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)
