"""Losses on tensors that can be worked out by hand, and their gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import one_hot

from Training.losses import STAGE_WEIGHTS, SequenceLoss, dice_loss, logit_loss, segmentation_loss
from Training.networks import Tokens


def stages(*values: float, width: int = 2, tokens: int = 4) -> list[Tokens]:
    """Four stages of tokens that are all (v, -v, v, -v, …)."""
    signs = torch.tensor([1.0, -1.0]).repeat(width // 2)
    return [Tokens(v * signs.expand(1, tokens, width).clone(), 2, tokens // 2) for v in values]


def identity_loss(width: int = 2) -> SequenceLoss:
    loss = SequenceLoss([width] * 4, [width] * 4)
    for projection in loss.projections:
        torch.nn.init.eye_(projection.weight)
        torch.nn.init.zeros_(projection.bias)
    return loss


def test_a_perfect_prediction_has_no_dice_loss():
    target = one_hot(torch.tensor([[[0, 1], [2, 1]]]), 3).permute(0, 3, 1, 2).float()
    assert dice_loss(target, target).item() == pytest.approx(0)


def test_dice_of_half_an_organ_by_hand():
    target = torch.tensor([[[[0.0, 0.0]], [[1.0, 1.0]]]])
    prediction = torch.tensor([[[[0.0, 1.0]], [[1.0, 0.0]]]])
    assert dice_loss(prediction, target).item() == pytest.approx(1 - (2 * 1 + 1) / (1 + 2 + 1))


def test_an_organ_that_is_nowhere_costs_nothing():
    empty = torch.tensor([[[[1.0, 1.0]], [[0.0, 0.0]]]])
    assert dice_loss(empty, empty).item() == pytest.approx(0)


def test_segmentation_loss_of_undecided_logits_by_hand():
    logits, labels = torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, dtype=torch.long)
    expected = math.log(2) + 1 - (2 * 2 + 1) / (2 + 4 + 1)
    assert segmentation_loss([logits], labels).item() == pytest.approx(expected)


def test_a_coarse_head_is_told_the_share_that_an_organ_covers():
    labels = torch.tensor([[[1, 1], [1, 0]]])
    right, wrong = (torch.tensor([[[[0.0]], [[logit]]]]) for logit in (math.log(3), 0.0))
    finest = torch.zeros(1, 2, 2, 2)
    assert segmentation_loss([finest, right], labels) < segmentation_loss([finest, wrong], labels)


def test_equal_sequences_have_no_distance():
    assert identity_loss()(stages(1, 1, 1, 1), stages(3, 3, 3, 3)).item() == pytest.approx(0, abs=1e-4)


def test_sequence_loss_by_hand():
    # The teacher's tokens are standardised to (1, -1); a student of (2, -2) is off by 1 everywhere.
    student = stages(2, 1, 1, 1)
    assert identity_loss()(student, stages(5, 5, 5, 5)).item() == pytest.approx(
        STAGE_WEIGHTS[0] / sum(STAGE_WEIGHTS), rel=1e-3)
    student = stages(1, 1, 1, 3)
    assert identity_loss()(student, stages(5, 5, 5, 5)).item() == pytest.approx(
        4 * STAGE_WEIGHTS[3] / sum(STAGE_WEIGHTS), rel=1e-3)


def test_the_student_learns_from_every_stage_and_the_projections_do_too():
    student = [t._replace(sequence=t.sequence.requires_grad_()) for t in stages(2, 2, 2, 2)]
    loss = SequenceLoss([2] * 4, [4] * 4)
    loss(student, stages(1, 1, 1, 1, width=4)).backward()
    assert all(t.sequence.grad.abs().sum() > 0 for t in student)
    assert all(p.weight.grad.abs().sum() > 0 for p in loss.projections)


def test_gradients_of_the_sequence_loss_are_right():
    loss = identity_loss().double()
    teacher = [Tokens(torch.rand(1, 4, 2, dtype=torch.double), 2, 2) for _ in range(4)]
    sequence = torch.rand(1, 4, 2, dtype=torch.double, requires_grad=True)

    def by_stage_4(x: torch.Tensor) -> torch.Tensor:
        return loss([*teacher[:3], Tokens(x, 2, 2)], teacher)

    # The loss itself computes in single precision.
    assert torch.autograd.gradcheck(by_stage_4, (sequence,), eps=1e-2, atol=1e-2, nondet_tol=1e-6)


def test_logit_loss_by_hand():
    teacher, student = torch.tensor([math.log(3), 0.0]), torch.zeros(2)
    value = logit_loss(student.view(1, 2, 1, 1), teacher.view(1, 2, 1, 1), temperature=1.0)
    assert value.item() == pytest.approx(0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))
    assert logit_loss(teacher.view(1, 2, 1, 1), teacher.view(1, 2, 1, 1)).item() == pytest.approx(0, abs=1e-7)


def test_the_temperature_softens_and_its_square_scales():
    student, teacher = torch.zeros(1, 2, 1, 1), torch.tensor([2.0, 0.0]).view(1, 2, 1, 1)
    assert logit_loss(student, teacher, 2.0).item() == pytest.approx(
        4 * logit_loss(student, teacher / 2, 1.0).item())
