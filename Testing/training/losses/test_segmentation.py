"""The segmentation loss on tensors that can be worked out by hand, its gradients, and two processes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy, one_hot

from Testing.training.two_processes import in_two_processes
from Training.data.prepared import IGNORE
from Training.losses.segmentation import dice_loss, segmentation_loss

SURE = 30.0


def annotated(*samples: str, classes: int) -> Tensor:
    """Which organs each sample knows: "13" knows the organs 1 and 3."""
    return torch.tensor([[str(c) in organs for c in range(classes)] for organs in samples])


def sure_of(labels: Tensor, classes: int) -> Tensor:
    """Logits that give each pixel's label a probability of 1."""
    return one_hot(labels, classes).permute(0, 3, 1, 2) * SURE


def test_dice_by_hand():
    # One of two pixels found: the overlap is 1, the sizes are 1 and 2.
    loss = dice_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([True]))
    assert loss.item() == pytest.approx(1 - (2 * 1 + 1) / (1 + 2 + 1))


def test_dice_over_annotated_organs():
    overlap, size = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([3.0, 0.0, 9.0])
    assert dice_loss(overlap, size, torch.tensor([True, True, False])).item() == pytest.approx((0.25 + 0) / 2)
    assert dice_loss(overlap, size, torch.tensor([False] * 3)).item() == 0


def test_perfect_prediction():
    labels = torch.tensor([[[0, 1], [2, 1]]])
    loss = segmentation_loss([sure_of(labels, 3)], labels, annotated("12", classes=3))
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_organ_that_is_nowhere():
    labels = torch.zeros(1, 2, 2, dtype=torch.long)
    loss = segmentation_loss([sure_of(labels, 2)], labels, annotated("1", classes=2))
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_undecided_logits():
    logits, labels = torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, dtype=torch.long)
    expected = math.log(2) + 1 - (2 * 2 + 1) / (2 + 4 + 1)
    assert segmentation_loss([logits], labels, annotated("1", classes=2)).item() == pytest.approx(expected)


def test_target_of_a_coarse_head():
    labels = torch.tensor([[[1, 1], [1, 0]]])
    right, wrong = (torch.tensor([[[[0.0]], [[logit]]]]) for logit in (math.log(3), 0.0))
    finest = torch.zeros(1, 2, 2, 2)
    losses = [segmentation_loss([finest, side], labels, annotated("1", classes=2)) for side in (right, wrong)]
    assert losses[0] < losses[1]


def test_cross_entropy_plus_dice():
    torch.manual_seed(0)
    labels, heads = torch.randint(0, 4, (2, 8, 8)), [torch.randn(2, 4, 8, 8), torch.randn(2, 4, 2, 2)]
    shares = one_hot(labels, 4).permute(0, 3, 1, 2).float()
    losses = []
    for head, target in zip(heads, (shares, avg_pool2d(shares, 4))):
        p = head.softmax(1)
        dice = (2 * (p * target).sum((0, 2, 3)) + 1) / ((p + target).sum((0, 2, 3)) + 1)
        losses.append(cross_entropy(head, target) + (1 - dice[1:]).mean())
    loss = segmentation_loss(heads, labels, torch.ones(2, 4, dtype=torch.bool), side_weight=0.5)
    assert loss.item() == pytest.approx((losses[0] + 0.5 * losses[1]).item(), rel=1e-5)


def test_unannotated_organ_is_background():
    # Three classes of probability 1/3; organ 2 is not told, so that the background has 2/3.
    logits, labels = torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long)
    expected = -math.log(2 / 3) + 1 - 1 / (4 / 3 + 0 + 1)
    assert segmentation_loss([logits], labels, annotated("1", classes=3)).item() == pytest.approx(expected)


def test_finding_an_unannotated_organ():
    found = torch.full((1, 4, 4), 2)
    nothing = torch.zeros_like(found)
    loss = segmentation_loss([sure_of(found, 3), sure_of(found, 3)[..., :2, :2]], nothing, annotated("1", classes=3))
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_dice_counts_annotated_samples():
    labels = torch.tensor([[[1, 1]], [[0, 0]]])
    logits = sure_of(torch.tensor([[[1, 1]], [[1, 1]]]), 3)
    alone = segmentation_loss([logits[:1]], labels[:1], annotated("1", classes=3))
    assert alone.item() == pytest.approx(0, abs=1e-6)
    # The second sample knows organ 2 alone, so its false organ 1 is no mistake.
    assert segmentation_loss([logits], labels, annotated("1", "2", classes=3)).item() == pytest.approx(0, abs=1e-6)
    wrong = segmentation_loss([logits], labels, annotated("1", "1", classes=3)).item()
    # Its background has the probabilities of class 0 and of organ 2, exp(-30) each.
    assert wrong == pytest.approx((SURE - math.log(2)) / 2 + 1 - (2 * 2 + 1) / (4 + 2 + 1), abs=1e-4)


def test_cross_entropy_over_annotated_samples():
    logits, labels = torch.zeros(2, 2, 2, 2), torch.zeros(2, 2, 2, dtype=torch.long)
    half = segmentation_loss([logits], labels, annotated("1", "", classes=2))
    assert half.item() == pytest.approx(math.log(2) + 1 - 1 / (2 + 1))


def test_ignored_pixels():
    torch.manual_seed(0)
    labels = torch.tensor([[[1, 1], [0, 0]]])
    logits = torch.randn(1, 2, 2, 2)
    cropped = segmentation_loss([logits[:, :, :1]], labels[:, :1], annotated("1", classes=2))
    labels[:, 1] = IGNORE
    whole = segmentation_loss([logits], labels, annotated("1", classes=2))
    assert whole.item() == pytest.approx(cropped.item(), rel=1e-5)


def test_coarse_cell_with_ignored_pixels():
    # Left cell: one known pixel, the organ; right cell: four of the background. So 1/4 to 1.
    labels = torch.tensor([[[1, IGNORE, 0, 0], [IGNORE, IGNORE, 0, 0]]])
    side = torch.zeros(1, 2, 1, 2)
    finest = sure_of(labels.where(labels != IGNORE, 0), 2)
    loss = segmentation_loss([finest, side], labels, annotated("1", classes=2), side_weight=1.0)
    overlap, size = 0.5 * 0.25, 0.5 * 1.25 + 0.25
    assert loss.item() == pytest.approx(math.log(2) + 1 - (2 * overlap + 1) / (size + 1), rel=1e-5)


@pytest.mark.parametrize("reason", ["no organ is known", "no pixel is known"])
def test_unannotated_batch(reason):
    labels = torch.randint(0, 3, (2, 8, 8)) if reason == "no organ is known" else torch.full((2, 8, 8), IGNORE)
    organs = "" if reason == "no organ is known" else "12"
    heads = [torch.randn(2, 3, side, side, requires_grad=True) for side in (4, 2)]
    loss = segmentation_loss(heads, labels, annotated(organs, organs, classes=3))
    loss.backward()
    assert loss.item() == 0
    assert all(torch.equal(head.grad, torch.zeros_like(head)) for head in heads)


def test_half_precision():
    labels = torch.randint(0, 3, (1, 8, 8))
    head = torch.randn(1, 3, 4, 4, dtype=torch.bfloat16)
    loss = segmentation_loss([head], labels, annotated("12", classes=3))
    assert loss.dtype == torch.float32
    assert loss == segmentation_loss([head.float()], labels, annotated("12", classes=3))


def test_gradients():
    torch.manual_seed(0)
    labels = torch.randint(0, 4, (3, 4, 4))
    labels[0, :2, :3] = IGNORE
    organs = annotated("123", "13", "", classes=4)

    def loss(finest: Tensor, side: Tensor) -> Tensor:
        return segmentation_loss([finest, side], labels, organs)

    heads = [torch.randn(3, 4, side, side, dtype=torch.double, requires_grad=True) for side in (2, 1)]
    assert torch.autograd.gradcheck(loss, heads)


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fine, self.coarse = nn.Conv2d(1, 4, 2, 2), nn.Conv2d(4, 4, 2, 2)

    def forward(self, image: Tensor) -> list[Tensor]:
        fine = self.fine(image)
        return [fine, self.coarse(fine)]


def samples() -> tuple[Tensor, Tensor, Tensor]:
    """Image, labels and known organs of five samples that are very differently labelled."""
    torch.manual_seed(1)
    labels = torch.randint(0, 4, (5, 8, 8))
    labels[1, :4] = IGNORE
    return torch.randn(5, 1, 8, 8), labels, annotated("123", "1", "", "12", "", classes=4)


def loss_in_process(rank: int, folder: Path) -> None:
    network = nn.parallel.DistributedDataParallel(TwoHeads())
    image, labels, organs = (part[slice(0, 2) if rank == 0 else slice(2, 5)] for part in samples())
    loss = segmentation_loss(network(image), labels, organs)
    loss.backward()
    torch.save([loss.detach(), *(p.grad for p in network.parameters())], folder / f"{rank}.pt")


@pytest.mark.slow
def test_two_processes(tmp_path):
    network = TwoHeads()
    image, labels, organs = samples()
    loss = segmentation_loss(network(image), labels, organs)
    loss.backward()
    in_two_processes(loss_in_process, tmp_path)
    for rank in range(2):
        theirs = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(theirs, [loss.detach(), *(p.grad for p in network.parameters())])
