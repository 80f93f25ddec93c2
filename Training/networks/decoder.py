"""The decoder: token sequences of four stages to class logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from Training.networks.batch_norm import BatchNorm
from Training.networks.config import NetworkConfig
from Training.networks.tokens import Tokens, initialise


class Decoder(nn.Module):
    """Top-down sums of the four stages, then one step to half resolution beside a stem of the image itself.

    Args:
        channels: of the image, i.e. slices seen together.
        classes: organs and background.
        config: sizes.
    """

    def __init__(self, channels: int, classes: int, config: NetworkConfig) -> None:
        super().__init__()
        width, stem = config.decoder_width, config.stem_width
        conv_norm = _separable_conv_norm if config.separable_decoder else _conv_norm
        self.laterals = nn.ModuleList(nn.Linear(w, width) for w in config.widths)
        self.smooth = nn.ModuleList(conv_norm(width, width) for _ in config.widths)
        self.stem = _conv_norm(channels, stem, stride=2)
        self.narrow = nn.Conv2d(width, 2 * stem, 1)
        self.sharpen = conv_norm(3 * stem, 2 * stem)
        self.head = nn.Conv2d(2 * stem, classes, 1)
        self.side_heads = nn.ModuleList(nn.Conv2d(width, classes, 1) for _ in range(3))
        self.apply(initialise)

    def forward(self, image: Tensor, stages: Sequence[Tokens]) -> list[Tensor]:
        """Logits, finest first; the coarser three exist for deep supervision.

        Args:
            image: (batch, channels, height, width).
            stages: the encoder's four token sequences, at strides of 4, 8, 16 and 32 pixels.

        Returns:
            (batch, classes, height / s, width / s) for s = 2, 8, 16, 32; only s = 2 outside training.
        """
        maps = [tokens.through(lateral).as_map() for tokens, lateral in zip(stages, self.laterals, strict=True)]
        path = self.smooth[3](maps[3])
        sides = [path]
        for s in (2, 1, 0):
            path = self.smooth[s](maps[s] + _double(path))
            sides.insert(0, path)
        fine = torch.cat([_double(self.narrow(path)), self.stem(image)], 1)
        logits = [self.head(self.sharpen(fine))]
        if self.training:
            logits += [head(side) for head, side in zip(self.side_heads, sides[1:], strict=True)]
        return logits


def _conv_norm(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), BatchNorm(outputs), nn.GELU())


def _separable_conv_norm(inputs: int, outputs: int) -> nn.Sequential:
    """A depthwise and a pointwise convolution, with ReLU, which onnxruntime computes within the convolution."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1, bias=False),
        BatchNorm(outputs), nn.ReLU()
    )


def _double(feature_map: Tensor) -> Tensor:
    return interpolate(feature_map, scale_factor=2.0, mode="bilinear", align_corners=False)
