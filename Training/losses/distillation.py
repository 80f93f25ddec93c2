"""The terms that tie a student to its teacher; each gives one value per sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, kl_div, layer_norm, log_softmax, normalize

from Training.networks.batch_norm import at_least_single
from Training.networks.tokens import Tokens

# Later stages carry meaning rather than texture: the weights that are known to work for hierarchical transformers.
STAGE_WEIGHTS = (0.1, 0.1, 0.5, 1.0)


class SequenceLoss(nn.Module):
    """The MISTKD term: distance between the token sequences of teacher and student at every encoder stage.

    The student's tokens pass through a linear projection to the teacher's width. It belongs to training alone and
    is not part of the student. The teacher's tokens are standardised, so that no stage outweighs another by scale.

    Source: Zhang, Wang, Lam, Chow, CVIPPR 2023 (losses between the token sequences of the two encoders); projection
    as in FitNets (Romero et al. 2015).

    Args:
        student_widths, teacher_widths: channels of the tokens per stage.
        stage_weights: how much each stage counts; only their ratios matter.
    """

    def __init__(
        self,
        student_widths: Sequence[int],
        teacher_widths: Sequence[int],
        stage_weights: Sequence[float] = STAGE_WEIGHTS,
    ) -> None:
        super().__init__()
        self.stage_weights = tuple(stage_weights)
        self.projections = nn.ModuleList(
            nn.Linear(narrow, wide) for narrow, wide in zip(student_widths, teacher_widths, strict=True)
        )

    def forward(self, student: Sequence[Tokens], teacher: Sequence[Tokens]) -> Tensor:
        """Weighted mean squared distance.

        Args:
            student, teacher: token sequences per stage, (batch, tokens, width); same tokens, own widths.

        Returns:
            (batch,).
        """
        terms = []
        with torch.autocast(student[0].sequence.device.type, enabled=False):
            for projection, narrow, wide in zip(self.projections, student, teacher, strict=True):
                target = layer_norm(at_least_single(wide.sequence), wide.sequence.shape[-1:])
                distance = projection(at_least_single(narrow.sequence)) - target
                terms.append(distance.square().mean((1, 2)))
        return _weighted_mean(terms, self.stage_weights)


def relation_loss(
    student: Sequence[Tokens], teacher: Sequence[Tokens], stage_weights: Sequence[float] = STAGE_WEIGHTS
) -> Tensor:
    """Distance between the token affinities of teacher and student: which places look alike to each of them.

    The affinity of two tokens is the cosine of the angle between them, so that widths need not agree. Stages whose
    grid is finer than the third's (one sixteenth of the image) are average-pooled to it first.

    Source: pair-wise distillation of Liu et al., "Structured knowledge distillation for semantic segmentation",
    CVPR 2019 (section 3.1: mean over all pairs of the squared difference), there of one feature map.

    Args:
        student, teacher: token sequences per stage, (batch, tokens, width); same tokens, own widths.
        stage_weights: how much each stage counts; only their ratios matter.

    Returns:
        (batch,).
    """
    rows = student[2].height
    with torch.autocast(student[0].sequence.device.type, enabled=False):
        terms = [
            (_affinity(ours, rows) - _affinity(theirs, rows)).square().mean((1, 2))
            for ours, theirs in zip(student, teacher, strict=True)
        ]
    return _weighted_mean(terms, stage_weights)


def channel_loss(student: Tensor, teacher: Tensor, temperature: float = 4.0) -> Tensor:
    """Kullback-Leibler divergence between the places where each class is seen: logits softened over the image.

    Source: channel-wise distillation (CWD) of Shu et al., "Channel-wise knowledge distillation for dense
    prediction", ICCV 2021 (section 3.2); 4 is the temperature that implementations of it use for logits.

    Args:
        student, teacher: logits (batch, classes, height, width).
        temperature: softening; the loss is scaled by its square.

    Returns:
        (batch,): mean over the classes.
    """
    ours, theirs = (log_softmax(at_least_single(x).flatten(2) / temperature, 2) for x in (student, teacher))
    return kl_div(ours, theirs, reduction="none", log_target=True).sum(2).mean(1) * temperature**2


def logit_loss(student: Tensor, teacher: Tensor, temperature: float = 2.0) -> Tensor:
    """Kullback-Leibler divergence between the softened class probabilities of each pixel.

    Source: Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", 2015 (section 2).

    Args:
        student, teacher: logits (batch, classes, height, width).
        temperature: softening; the loss is scaled by its square, as in the paper.

    Returns:
        (batch,): mean over the pixels.
    """
    ours, theirs = (log_softmax(at_least_single(x) / temperature, 1) for x in (student, teacher))
    return kl_div(ours, theirs, reduction="none", log_target=True).sum(1).mean((1, 2)) * temperature**2


def _affinity(tokens: Tokens, rows: int) -> Tensor:
    """Cosine similarity of every pair of tokens, (batch, tokens, tokens), on a grid of at most `rows` rows."""
    feature_map = at_least_single(tokens.as_map())
    if tokens.height > rows:
        feature_map = avg_pool2d(feature_map, tokens.height // rows)
    directions = normalize(feature_map.flatten(2), dim=1)
    return directions.transpose(1, 2) @ directions


def _weighted_mean(terms: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    pairs = zip(terms, weights, strict=True)
    return torch.stack([term * weight for term, weight in pairs]).sum(0) / sum(weights)
