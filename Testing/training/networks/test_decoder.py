"""The decoder: one head in use, four in training, full or separable convolutions."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from Testing.training.networks.small import SMALL
from Training.networks.decoder import Decoder
from Training.networks.segmenter import Segmenter, parameter_count

SEPARABLE = replace(SMALL, separable_decoder=True)


def test_four_heads_in_training_and_one_in_use():
    network = Segmenter(1, 4, SMALL)
    image = torch.rand(2, 1, 64, 64)
    assert [tuple(x.shape[2:]) for x in network.features(image)[1]] == [(32, 32), (8, 8), (4, 4), (2, 2)]
    assert len(network.eval().features(image)[1]) == 1


def test_separable_weights():
    full, separable = (Decoder(1, 2, config) for config in (SMALL, SEPARABLE))
    saved = [parameter_count(one) - parameter_count(other)
             for one, other in ((full.smooth[0], separable.smooth[0]), (full.sharpen, separable.sharpen))]
    # 8 to 8 and 12 to 8 channels: a x b x 9 against a x 9 + a x b; the same normalisation.
    assert saved == [8 * 8 * 9 - (8 * 9 + 8 * 8), 12 * 8 * 9 - (12 * 9 + 12 * 8)]


def test_separable_layers_rectify_but_the_stem_is_full():
    full, separable = (Decoder(1, 2, config) for config in (SMALL, SEPARABLE))
    for one in (*separable.smooth, separable.sharpen):
        assert isinstance(one[-1], nn.ReLU) and (one.eval()(torch.randn(1, one[0].in_channels, 6, 6)) >= 0).all()
    assert not any(isinstance(layer, nn.ReLU) for layer in (*full.modules(), *separable.stem))
    assert [(name, value.shape) for name, value in full.stem.state_dict().items()] == [
        (name, value.shape) for name, value in separable.stem.state_dict().items()]
    assert full.stem[0].groups == separable.stem[0].groups == 1 and isinstance(separable.stem[-1], nn.GELU)
