"""Transformer blocks and the tokens that they take."""

from __future__ import annotations

import torch
from torch.nn.functional import gelu

from Training.networks.blocks import EfficientAttention, MixFFN, drop_path
from Training.networks.tokens import Tokens


def test_raster_order():
    tokens = Tokens(torch.arange(6.0).view(1, 6, 1), 2, 3)
    assert tokens.as_map().tolist() == [[[[0, 1, 2], [3, 4, 5]]]]
    assert torch.equal(Tokens.of_map(tokens.as_map()).sequence, tokens.sequence)


def test_attention_is_the_same_in_training():
    torch.manual_seed(0)
    layer = EfficientAttention(12, 3, 2)
    tokens = Tokens(torch.randn(2, 24, 12), 4, 6)
    torch.testing.assert_close(layer.train()(tokens), layer.eval()(tokens))


def test_mix_ffn():
    torch.manual_seed(0)
    layer = MixFFN(4, 2)
    tokens = Tokens(torch.randn(2, 15, 4), 3, 5)
    hidden = tokens.through(layer.dense1)
    expected = layer.dense2(gelu(layer.dwconv(hidden.as_map())).flatten(2).transpose(1, 2))
    assert torch.allclose(layer(tokens), expected, atol=1e-6)


def test_drop_path_by_hand():
    branch = torch.tensor([[[1.0]], [[2.0]], [[3.0]]])
    assert drop_path(branch, 0.5, torch.tensor([0.4, 0.5, 0.9])).flatten().tolist() == [0, 4, 6]


def test_drop_path_keeps_the_mean():
    torch.manual_seed(0)
    assert abs(drop_path(torch.ones(4000, 1, 1), 0.25).mean().item() - 1) < 0.03
