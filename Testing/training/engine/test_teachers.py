"""Several teachers as one: averaged class probabilities, the first one's tokens, and looks at other pixel sizes."""

from __future__ import annotations

import copy

import pytest
import torch

from MISTKDSegmentLib.errors import InputError
from Testing.training.toy import LARGE, SMALL
from Training.engine.recipe import Distillation, Recipe
from Training.engine.teachers import EnsembleTeacher, mean_logits
from Training.networks.segmenter import Segmenter


def networks(count: int) -> list[Segmenter]:
    torch.manual_seed(0)
    return [Segmenter(3, 3, config).eval() for config in (SMALL, LARGE)[:count]]


PIXELS = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def test_probabilities_are_averaged():
    # Two classes: 0.9 and 0.1 give 0.5; their logits give it too. 0.9 and 0.5 give 0.7, their logits 0.75.
    one, other = (torch.tensor([p, 1 - p]).log().view(1, 2, 1, 1) + shift for p, shift in ((0.9, 3.0), (0.5, -7.0)))
    assert mean_logits([one, other]).exp()[0, :, 0, 0].tolist() == pytest.approx([0.7, 0.3])


def test_lone_teacher():
    (network,) = networks(1)
    tokens, logits = EnsembleTeacher([network])(PIXELS)
    theirs, (expected, *_) = network.features(PIXELS)
    assert torch.equal(logits, expected) and torch.equal(tokens[3].sequence, theirs[3].sequence)


def test_ensemble():
    first, second = networks(2)
    tokens, logits = EnsembleTeacher([first, second])(PIXELS)
    assert torch.equal(tokens[2].sequence, first.features(PIXELS)[0][2].sequence)
    mean = (first(PIXELS).softmax(1) + second(PIXELS).softmax(1)) / 2
    torch.testing.assert_close(logits.exp(), mean)


def test_coarser_pixels():
    (network,) = networks(1)
    seen = []
    teacher = EnsembleTeacher([network], (1.0, 1.5))
    features = teacher._features[0]
    teacher._features[0] = lambda pixels: (seen.append(pixels), features(pixels))[1]
    logits = teacher(PIXELS)[1]
    assert logits.shape == (2, 3, 32, 48) and torch.allclose(logits.exp().sum(1), torch.ones(2, 32, 48))
    # 64 / 1.5 is 42 to an even number, 96 / 1.5 is 64; air to the next multiple of 32.
    assert [tuple(pixels.shape[2:]) for pixels in seen] == [(64, 96), (64, 64)]
    assert not seen[1][..., 42:, :].any() and seen[1][..., :42, :].any()


def test_left_stays_left():
    class Brightness(Segmenter):
        """Says how bright each pixel is."""

        def features(self, image, chance=None):
            dark = torch.zeros_like(image[:, :1])
            return [], [torch.nn.functional.avg_pool2d(torch.cat([dark, image[:, :1]], 1), 2)]

    image = torch.zeros(1, 3, 64, 96)
    image[..., 20:40, 10:30] = 8.0
    for zoom in (0.8, 1.25):
        logits = EnsembleTeacher([Brightness(3, 2, SMALL)], (1.0, zoom))(image)[1]
        rows, columns = torch.where(logits[0].argmax(0) == 1)
        assert rows.float().mean().item() == pytest.approx(14.5, abs=0.5)
        assert columns.float().mean().item() == pytest.approx(9.5, abs=0.5)


def test_copies_share_frozen_teachers():
    teacher = EnsembleTeacher(networks(2), (1.0, 0.8))
    assert copy.deepcopy(teacher) is teacher
    assert not any(p.requires_grad for network in teacher.networks for p in network.parameters())
    assert not teacher(PIXELS.requires_grad_())[1].requires_grad


@pytest.mark.parametrize("zooms", [(), (0.9,), (1.0, 1.0), (1.0, 0.4), (1.0, float("nan")), (1.0, 0.9, 0.9)])
def test_bad_zooms_are_refused(zooms):
    with pytest.raises(InputError, match=r"distillation\.teacher_zooms is .* give 1 and others from 0\.5 to 2"):
        Recipe(distillation=Distillation(teacher_zooms=zooms)).check()
