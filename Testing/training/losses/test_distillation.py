"""The terms between teacher and student on tensors that can be worked out by hand, and their gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from Training.losses.distillation import STAGE_WEIGHTS, SequenceLoss, channel_loss, logit_loss, relation_loss
from Training.networks.tokens import Tokens

TOTAL = sum(STAGE_WEIGHTS)
SMALL_GRIDS = ((2, 4), (2, 4), (1, 2), (1, 2))


def stages(*values: float, width: int = 2, tokens: int = 4) -> list[Tokens]:
    """Four stages of tokens that are all (v, -v, v, -v, …)."""
    signs = torch.tensor([1.0, -1.0]).repeat(width // 2)
    return [Tokens(v * signs.expand(1, tokens, width).clone(), 2, tokens // 2) for v in values]


def random_stages(width: int) -> list[Tokens]:
    """Two samples' four stages of random tokens, of 8 x 16 to 1 x 2."""
    return [Tokens(torch.randn(2, h * 2 * h, width), h, 2 * h) for h in (8, 4, 2, 1)]


def exact_stages(width: int) -> list[Tokens]:
    """One sample's stages in double precision, few enough for gradient checks."""
    return [Tokens(torch.randn(1, h * w, width, dtype=torch.double), h, w) for h, w in SMALL_GRIDS]


def identity_loss(width: int = 2) -> SequenceLoss:
    loss = SequenceLoss([width] * 4, [width] * 4)
    for projection in loss.projections:
        torch.nn.init.eye_(projection.weight)
        torch.nn.init.zeros_(projection.bias)
    return loss


def with_sequences(sequences: tuple[Tensor, ...], like: list[Tokens]) -> list[Tokens]:
    return [tokens._replace(sequence=sequence) for tokens, sequence in zip(like, sequences)]


def pair(first: list[Tokens], second: list[Tokens]) -> list[Tokens]:
    """Two samples as one batch."""
    return [
        a._replace(sequence=torch.cat([a.sequence, b.sequence])) for a, b in zip(first, second, strict=True)
    ]


def test_equal_sequences_have_no_distance():
    assert identity_loss()(stages(1, 1, 1, 1), stages(3, 3, 3, 3)).item() == pytest.approx(0, abs=1e-4)


def test_sequence_loss_by_hand():
    # The teacher's tokens are standardised to (1, -1); a student of (2, -2) is off by 1 everywhere.
    student = stages(2, 1, 1, 1)
    assert identity_loss()(student, stages(5, 5, 5, 5)).item() == pytest.approx(STAGE_WEIGHTS[0] / TOTAL, rel=1e-3)
    student = stages(1, 1, 1, 3)
    assert identity_loss()(student, stages(5, 5, 5, 5)).item() == pytest.approx(
        4 * STAGE_WEIGHTS[3] / TOTAL, rel=1e-3)


def test_each_sample_has_its_own_distance():
    student, teacher = pair(stages(1, 1, 1, 1), stages(2, 2, 2, 2)), pair(*[stages(5, 5, 5, 5)] * 2)
    assert identity_loss()(student, teacher).tolist() == pytest.approx([0, 1], abs=1e-3)


def test_stage_weights():
    loss = SequenceLoss([2] * 4, [2] * 4, stage_weights=(1, 0, 0, 3))
    loss.projections = identity_loss().projections
    assert loss(stages(2, 9, 9, 1), stages(5, 5, 5, 5)).item() == pytest.approx(0.25, rel=1e-3)


def test_every_stage_teaches():
    student = [t._replace(sequence=t.sequence.requires_grad_()) for t in stages(2, 2, 2, 2)]
    loss = SequenceLoss([2] * 4, [4] * 4)
    loss(student, stages(1, 1, 1, 1, width=4)).sum().backward()
    assert all(t.sequence.grad.abs().sum() > 0 for t in student)
    assert all(p.weight.grad.abs().sum() > 0 for p in loss.projections)


def test_sequence_gradients():
    torch.manual_seed(0)
    loss = SequenceLoss([2] * 4, [3] * 4).double()
    student, teacher = (exact_stages(width) for width in (2, 3))
    sequences = [tokens.sequence.requires_grad_() for tokens in student]
    weight = loss.projections[3].weight
    assert torch.autograd.gradcheck(lambda *x: loss(with_sequences(x[:4], student), teacher), (*sequences, weight))


def test_affinity_by_hand():
    # Teacher: both tokens alike; student: at right angles. Of four pairs, the two mixed ones differ by 1.
    alike, apart = torch.tensor([[[3.0, 0.0], [5.0, 0.0]]]), torch.tensor([[[2.0, 0.0], [0.0, 7.0]]])
    student, teacher = ([Tokens(x, 1, 2)] * 4 for x in (apart, alike))
    assert relation_loss(student, teacher).item() == pytest.approx(0.5)


def test_affinity_invariances():
    student = random_stages(4)
    turned = torch.linalg.qr(torch.randn(6, 6)).Q[:4]
    teacher = [t._replace(sequence=5 * t.sequence @ turned) for t in student]
    assert relation_loss(student, teacher).abs().max() < 1e-6


def test_fine_stages_are_pooled():
    teacher = random_stages(4)
    swapped = teacher[0].as_map()
    # Within each 4 x 4 square, order is lost.
    swapped = swapped.unflatten(2, (2, 4)).flip(3).flatten(2, 3)
    student = [teacher[0]._replace(sequence=swapped.flatten(2).transpose(1, 2)), *teacher[1:]]
    assert relation_loss(student, teacher).abs().max() < 1e-6
    assert SequenceLoss([4] * 4, [4] * 4)(student, teacher).min() > 0.01


def test_relations_of_each_sample():
    torch.manual_seed(0)
    student, teacher = random_stages(3), random_stages(5)
    alone = [
        relation_loss(*([t._replace(sequence=t.sequence[i : i + 1]) for t in side] for side in (student, teacher)))
        for i in range(2)
    ]
    torch.testing.assert_close(relation_loss(student, teacher), torch.cat(alone))
    single = [relation_loss(student, teacher, weights) for weights in torch.eye(4).tolist()]
    mixed = sum(weight * loss for weight, loss in zip(STAGE_WEIGHTS, single)) / TOTAL
    torch.testing.assert_close(relation_loss(student, teacher), mixed)


def test_relation_gradients():
    torch.manual_seed(0)
    student, teacher = (exact_stages(width) for width in (2, 3))
    sequences = [tokens.sequence.requires_grad_() for tokens in student]
    assert torch.autograd.gradcheck(lambda *x: relation_loss(with_sequences(x, student), teacher), sequences)


def test_channel_loss_by_hand():
    # One class over two pixels: the teacher sees it at 3 : 1, the student evenly; the other class agrees.
    teacher = torch.tensor([[[[math.log(3), 0.0]], [[1.0, 1.0]]]])
    student = torch.zeros(1, 2, 1, 2)
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert channel_loss(student, teacher, temperature=1.0).item() == pytest.approx(divergence / 2)
    assert channel_loss(teacher, teacher).item() == pytest.approx(0, abs=1e-7)


def test_channel_loss_sees_where():
    teacher = torch.randn(1, 3, 4, 4)
    assert channel_loss(teacher + torch.tensor([1.0, -2.0, 5.0]).view(1, 3, 1, 1), teacher).item() < 1e-5


def test_logit_loss_by_hand():
    teacher, student = torch.tensor([math.log(3), 0.0]), torch.zeros(2)
    value = logit_loss(student.view(1, 2, 1, 1), teacher.view(1, 2, 1, 1), temperature=1.0)
    assert value.item() == pytest.approx(0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))
    assert logit_loss(teacher.view(1, 2, 1, 1), teacher.view(1, 2, 1, 1)).item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("loss", [logit_loss, channel_loss])
def test_temperature(loss):
    student, teacher = torch.zeros(1, 2, 1, 2), torch.tensor([2.0, 0.0, 0.0, 1.0]).view(1, 2, 1, 2)
    assert loss(student, teacher, 2.0).item() == pytest.approx(4 * loss(student, teacher / 2, 1.0).item())


@pytest.mark.parametrize("loss", [logit_loss, channel_loss])
def test_divergence_of_each_sample(loss):
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 2, 3, 4, 5)
    alone = torch.cat([loss(student[i : i + 1], teacher[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(loss(student, teacher), alone)


@pytest.mark.parametrize("loss", [logit_loss, channel_loss])
def test_divergence_gradients(loss):
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 2, 3, 2, 3, dtype=torch.double)
    assert torch.autograd.gradcheck(lambda x: loss(x, teacher), (student.requires_grad_(),))


def test_half_precision():
    torch.manual_seed(0)
    student, teacher = ([t._replace(sequence=t.sequence.bfloat16()) for t in random_stages(w)] for w in (3, 5))
    logits = torch.randn(2, 2, 3, 4, 5).bfloat16()
    sequence_loss = SequenceLoss([3] * 4, [5] * 4)
    exact = [[t._replace(sequence=t.sequence.float()) for t in side] for side in (student, teacher)]
    for loss, half, single in (
        (sequence_loss, (student, teacher), exact),
        (relation_loss, (student, teacher), exact),
        (channel_loss, logits, logits.float()),
        (logit_loss, logits, logits.float()),
    ):
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(*half)
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, loss(*single))
