"""Segmentation loss: cross-entropy and Dice on every head, of the organs that each sample's reference annotates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, log_softmax

from Training.data.prepared import IGNORE
from Training.networks.batch_norm import at_least_single
from Training.system.distributed import sum_over_processes


def segmentation_loss(
    logits: Sequence[Tensor], labels: Tensor, annotated: Tensor, side_weight: float = 0.3
) -> Tensor:
    """Cross-entropy plus Dice of the finest head at full resolution, with deep supervision of the coarser ones.

    The marginal loss of Shi et al., "Marginal loss and exclusion loss for partially supervised multi-organ
    segmentation" (Medical Image Analysis 70, 2021, section 3): organs that a sample's reference does not annotate
    are part of its background, and their probabilities are added to the background's. The target of the coarser heads
    is the share of each of their cells that every class covers; a cell weighs as much as its valid share.

    With several processes, the value is that of one process with the samples of all; see `sum_over_processes` for
    the gradient.

    Args:
        logits: heads, finest first, each (batch, classes, height / s, width / s).
        labels: int64 (batch, height, width); channel numbers, or `IGNORE` for pixels without a valid label.
        annotated: bool (batch, classes); the organs that each sample's reference annotates. [:, 0] is not read.
        side_weight: weight of the coarser heads' mean loss.

    Returns:
        A scalar: mean cross-entropy over the valid pixels of annotated samples, plus `dice_loss`. Exactly 0, with
        gradients of 0, where no sample is annotated.
    """
    unannotated = ~annotated
    unannotated[:, 0] = False
    finest = interpolate(at_least_single(logits[0]), labels.shape[-2:], mode="bilinear", align_corners=False)
    shares = _shares(labels, unannotated, finest)
    heads = [finest, *map(at_least_single, logits[1:])]
    # The heads in one tensor, so that processes wait for each other once and not for each head.
    sums = sum_over_processes(torch.stack([_sums(head, shares, unannotated) for head in heads]))
    anyone = sum_over_processes(annotated[:, 1:].sum(0).to(finest.dtype)) > 0
    (cross_entropy, overlap), (pixels, size) = ((x[:, 0], x[:, 1:]) for x in sums.unbind(1))
    losses = cross_entropy / pixels.where(pixels > 0, 1) + dice_loss(overlap, size, anyone)
    return losses[0] + side_weight * losses[1:].mean() if len(heads) > 1 else losses[0]


def dice_loss(overlap: Tensor, size: Tensor, annotated: Tensor) -> Tensor:
    """One minus the Dice of each organ over the batch, averaged over the organs (Milletari et al. 2016, section 3).

    Args:
        overlap: (..., organs); sum over pixels of probability times target.
        size: (..., organs); sum over pixels of probability plus target.
        annotated: bool (organs,); organs that any sample annotates.

    Returns:
        (...), in [0, 1]. An organ that is absent from target and prediction costs nothing; absent from the target
        alone, it costs the more the more pixels it is predicted on, up to 1.
    """
    loss = 1 - (2 * overlap + 1) / (size + 1)
    return (loss * annotated).sum(-1) / annotated.sum().clamp_min(1)


def _shares(labels: Tensor, unannotated: Tensor, like: Tensor) -> Tensor:
    """Class of each pixel as 0 or 1, of the shape and type of `like`; all 0 where no label is valid."""
    valid = (labels != IGNORE) & ~unannotated[:, 1:].all(1)[:, None, None]
    classes = labels.where(valid, 0)
    hidden = unannotated.gather(1, classes.flatten(1)).view_as(classes)
    return torch.zeros_like(like).scatter_(1, classes.masked_fill(hidden, 0)[:, None], valid[:, None].to(like.dtype))


def _sums(logits: Tensor, shares: Tensor, unannotated: Tensor) -> Tensor:
    """Sums over batch and pixels, (2, classes): [cross-entropy, overlap of each organ], [pixels, its size]."""
    stride = shares.shape[-1] // logits.shape[-1]
    target = avg_pool2d(shares, stride) if stride > 1 else shares
    valid = target.sum(1, keepdim=True)
    log_probabilities = log_softmax(logits, 1)
    probabilities = log_probabilities.exp()
    background = _background(log_probabilities, unannotated)
    hits = (target[:, 0] * background).sum() + (target[:, 1:] * log_probabilities[:, 1:]).sum()
    organs = (probabilities * valid).sum((2, 3)).masked_fill(unannotated, 0).sum(0)
    overlap, size = (probabilities * target).sum((0, 2, 3)), organs + target.sum((0, 2, 3))
    return torch.stack([torch.cat([-hits[None], overlap[1:]]), torch.cat([valid.sum()[None], size[1:]])])


def _background(log_probabilities: Tensor, unannotated: Tensor) -> Tensor:
    """Logarithm of the probabilities of background and unannotated organs together, (batch, height, width)."""
    organs = ~unannotated
    organs[:, 0] = False
    return log_probabilities.masked_fill(organs[:, :, None, None], -torch.inf).logsumexp(1)
