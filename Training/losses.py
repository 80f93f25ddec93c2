"""Segmentation loss and the terms that tie a student to its teacher."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    cross_entropy,
    interpolate,
    kl_div,
    layer_norm,
    log_softmax,
    one_hot,
)

from Training.networks import Tokens

# Later stages carry meaning rather than texture: the weights that are known to work for hierarchical transformers.
STAGE_WEIGHTS = (0.1, 0.1, 0.5, 1.0)


def dice_loss(probabilities: Tensor, target: Tensor) -> Tensor:
    """One minus the Dice of each organ over the batch, averaged over the organs (Milletari et al. 2016, eq. 1).

    Args:
        probabilities: (batch, classes, height, width); class 0, the background, is left out.
        target: shares in [0, 1] of the same shape.

    Returns:
        A scalar in [0, 1]. Organs that are absent from target and (nearly) from prediction cost (nearly) nothing.
    """
    axes = (0, 2, 3)
    overlap = (probabilities * target).sum(axes)[1:]
    total = (probabilities + target).sum(axes)[1:]
    return (1 - (2 * overlap + 1) / (total + 1)).mean()


def segmentation_loss(logits: Sequence[Tensor], labels: Tensor, side_weight: float = 0.3) -> Tensor:
    """Cross-entropy plus Dice of the finest head at full resolution, with deep supervision of the coarser ones.

    The coarser heads are told which share of each of their cells every class covers.

    Args:
        logits: heads, finest first, each (batch, classes, height / s, width / s).
        labels: int64 (batch, height, width).
        side_weight: weight of the coarser heads' mean loss.

    Returns:
        A scalar.
    """
    shares = one_hot(labels, logits[0].shape[1]).permute(0, 3, 1, 2).float()
    finest = interpolate(logits[0].float(), labels.shape[-2:], mode="bilinear", align_corners=False)
    loss = cross_entropy(finest, labels) + dice_loss(finest.softmax(1), shares)
    sides = [_shares_loss(side.float(), shares) for side in logits[1:]]
    return loss + side_weight * torch.stack(sides).mean() if sides else loss


def _shares_loss(logits: Tensor, shares: Tensor) -> Tensor:
    target = avg_pool2d(shares, shares.shape[-1] // logits.shape[-1])
    return cross_entropy(logits, target) + dice_loss(logits.softmax(1), target)


class SequenceLoss(nn.Module):
    """The MISTKD term: distance between the token sequences of teacher and student at every encoder stage.

    The student's tokens pass through a linear projection to the teacher's width. It belongs to training alone and
    is not part of the student. The teacher's tokens are standardised, so that no stage outweighs another by scale.

    Source: Zhang, Wang, Lam, Chow, CVIPPR 2023 (losses between the token sequences of the two encoders); projection
    as in FitNets (Romero et al. 2015).
    """

    def __init__(self, student_widths: Sequence[int], teacher_widths: Sequence[int]) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Linear(narrow, wide) for narrow, wide in zip(student_widths, teacher_widths, strict=True)
        )

    def forward(self, student: Sequence[Tokens], teacher: Sequence[Tokens]) -> Tensor:
        """Weighted mean squared distance.

        Args:
            student, teacher: token sequences per stage, (batch, tokens, width); same tokens, own widths.

        Returns:
            A scalar.
        """
        terms = []
        for projection, narrow, wide in zip(self.projections, student, teacher, strict=True):
            target = layer_norm(wide.sequence.float(), wide.sequence.shape[-1:])
            terms.append((projection(narrow.sequence).float() - target).square().mean())
        weights = torch.tensor(STAGE_WEIGHTS, device=terms[0].device)
        return (torch.stack(terms) * weights).sum() / weights.sum()


def logit_loss(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Kullback-Leibler divergence between the softened class probabilities of each pixel (Hinton et al. 2015).

    Args:
        student, teacher: logits (batch, classes, height, width).
        temperature: softening; the loss is scaled by its square, as in the paper.

    Returns:
        A scalar: mean over batch and pixels.
    """
    ours = log_softmax(student.float() / temperature, 1)
    theirs = log_softmax(teacher.float() / temperature, 1)
    return kl_div(ours, theirs, reduction="none", log_target=True).sum(1).mean() * temperature**2
