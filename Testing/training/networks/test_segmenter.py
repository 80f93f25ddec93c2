"""Whole networks of both families: token sequences, free input size, weights that learn and keep their names."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
import torch

from Testing.training.networks.small import SMALL
from Training.networks.config import HYBRID_STUDENT, HYBRID_TEACHER, STUDENT, TEACHER
from Training.networks.segmenter import Segmenter

FAMILIES = pytest.mark.parametrize("config", [SMALL, HYBRID_STUDENT], ids=["mit", "hybrid"])


@pytest.mark.parametrize(("config", "count", "digest"), [
    (STUDENT, 228, "4a0627ec6e1d"), (TEACHER, 246, "09ebfbbe6b10"),
    (HYBRID_STUDENT, 318, "774961e78f13"), (HYBRID_TEACHER, 502, "daed165e4a2a"),
])
def test_checkpoints_still_fit(config, count, digest):
    with torch.device("meta"):
        names = list(Segmenter(3, 9, config).state_dict())
    assert len(names) == count
    # Another digest: a weight has another name, and no checkpoint that was written before can be read.
    assert hashlib.sha256("\n".join(names).encode()).hexdigest()[:12] == digest


@FAMILIES
def test_four_stages_of_tokens(config):
    stages = Segmenter(3, 9, config).encoder(torch.rand(2, 3, 64, 96))
    counts = (384, 96, 24, 6)
    assert [tuple(t.sequence.shape) for t in stages] == [(2, n, w) for n, w in zip(counts, config.widths)]
    assert [(t.height, t.width) for t in stages] == [(16, 24), (8, 12), (4, 6), (2, 3)]


@FAMILIES
@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 160), (224, 96)])
def test_free_size(config, height, width):
    with torch.no_grad():
        logits = Segmenter(1, 3, config).eval()(torch.rand(1, 1, height, width))
    assert logits.shape == (1, 3, height // 2, width // 2)


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, separable_decoder=True), HYBRID_STUDENT])
def test_every_weight_learns(config):
    torch.manual_seed(0)
    network = Segmenter(3, 9, config)
    sum(logits.square().mean() for logits in network.features(torch.rand(2, 3, 64, 64))[1]).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # The bias of a key shifts every attention weight of a query alike, so its gradient is nothing but rounding.
    assert [name for name in idle if not name.endswith(".key.bias")] == []


@FAMILIES
def test_draws_decide_what_each_item_skips(config):
    network = Segmenter(1, 2, replace(config, drop_path=0.5)).train()
    if config.is_hybrid:
        network.encoder.convolutions.eval()  # batch norms would tie the items together
    torch.manual_seed(0)
    image, draws = torch.rand(2, 1, 32, 32), torch.rand(2, network.config.branches)
    together = [tokens.sequence for tokens in network.encoder(image, draws)]
    for item in range(2):
        alone = network.encoder(image[item : item + 1], draws[item : item + 1])
        assert all(torch.allclose(a[item], b.sequence[0], atol=1e-4) for a, b in zip(together, alone, strict=True))
    all_kept, some_skipped = (network.encoder(image, draws)[3].sequence
                              for draws in (torch.ones_like(draws), torch.zeros_like(draws)))
    assert not torch.allclose(all_kept, some_skipped)


def test_branches_are_skipped_in_training_alone():
    network = Segmenter(1, 2, replace(SMALL, depths=(2, 2, 2, 2), drop_path=0.9))
    image = torch.rand(1, 1, 64, 64)
    for mode, same in ((True, False), (False, True)):
        network.train(mode)
        torch.manual_seed(0)
        first, second = (network.encoder(image)[3].sequence for _ in range(2))
        assert torch.equal(first, second) == same
