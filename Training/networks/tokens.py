"""Token sequences and the grid that they lie on, and how a feature map becomes one."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class Tokens(NamedTuple):
    """A token sequence and the grid that it came from.

    Attributes:
        sequence: (batch, height * width, channels) in raster order.
        height, width: of the grid.
    """

    sequence: Tensor
    height: int
    width: int

    @classmethod
    def of_map(cls, feature_map: Tensor) -> Tokens:
        """The tokens of a feature map (batch, channels, height, width)."""
        return cls(feature_map.flatten(2).transpose(1, 2), feature_map.shape[2], feature_map.shape[3])

    def as_map(self) -> Tensor:
        """The tokens as a feature map (batch, channels, height, width)."""
        batch, _, channels = self.sequence.shape
        # Not unflatten: the ONNX tracer would freeze height and width in it.
        return self.sequence.transpose(1, 2).reshape(batch, channels, self.height, self.width)

    def through(self, layer: nn.Module) -> Tokens:
        """The tokens after a layer that takes them one by one; it may change their width."""
        return self._replace(sequence=layer(self.sequence))

    def of_items(self, items: Tensor) -> Tokens:
        """The tokens of some items of the batch, given by their numbers (n,)."""
        return self._replace(sequence=self.sequence[items])


class PatchEmbedding(nn.Module):
    """Overlapping patches to tokens: a strided convolution and a layer norm (SegFormer, Xie et al. 2021, section 3.1).

    Args:
        channels: of the feature map.
        width: channels of the tokens.
        kernel: side of a patch in pixels of the map.
        stride: distance of neighbouring patches in pixels of the map.
    """

    def __init__(self, channels: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, kernel, stride, kernel // 2)
        self.layer_norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, feature_map: Tensor) -> Tokens:
        """Tokens (batch, height / stride * width / stride, width) of a map (batch, channels, height, width)."""
        return Tokens.of_map(self.proj(feature_map)).through(self.layer_norm)


def initialise(module: nn.Module) -> None:
    """Draw a layer's weights: truncated normal (0.02) where dense, He's normal by fan-out where a convolution."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
