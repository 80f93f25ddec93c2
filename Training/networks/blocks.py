"""Transformer blocks on token sequences: efficient attention, Mix-FFN, drop path."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, scaled_dot_product_attention

from Training.networks.config import NetworkConfig
from Training.networks.tokens import Tokens


class EfficientAttention(nn.Module):
    """Self-attention whose keys and values lie on a grid thinned by `reduction` (PVT; SegFormer, eq. 2).

    Args:
        width: channels of the tokens.
        heads: a divisor of `width`.
        reduction: a divisor of the grid's height and width.
    """

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.reduction = reduction
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, reduction)
            self.layer_norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, tokens: Tokens) -> Tensor:
        """Sums of the values that each token attends to, (batch, tokens, width)."""
        context = tokens.sequence
        if self.reduction > 1:
            context = Tokens.of_map(self.sr(tokens.as_map())).through(self.layer_norm).sequence
        query, key, value = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer, x in ((self.query, tokens.sequence), (self.key, context), (self.value, context))
        )
        return self.out(_attend(query, key, value, self.training).transpose(1, 2).flatten(2))


def _attend(query: Tensor, key: Tensor, value: Tensor, training: bool) -> Tensor:
    if not training or query.device.type != "cpu":
        return scaled_dot_product_attention(query, key, value)
    # On CPUs, the gradient of the fused attention takes ten times as long in bfloat16 (PyTorch 2.13).
    return (query * query.shape[-1] ** -0.5 @ key.transpose(2, 3)).softmax(3) @ value


class MixFFN(nn.Module):
    """Feed-forward layer with a 3 x 3 depthwise convolution that tells tokens where they are (SegFormer, eq. 3).

    Args:
        width: channels of the tokens.
        ratio: hidden channels over `width`.
    """

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.dense1 = nn.Linear(width, width * ratio)
        self.dwconv = nn.Conv2d(width * ratio, width * ratio, 3, padding=1, groups=width * ratio)
        self.dense2 = nn.Linear(width * ratio, width)

    def forward(self, tokens: Tokens) -> Tensor:
        """The transformed tokens, (batch, tokens, width)."""
        # The dense layers as 1 x 1 convolutions: the wide hidden map need not be transposed for the depthwise one.
        hidden = gelu(self.dwconv(_dense_on_map(self.dense1, tokens.as_map())))
        return Tokens.of_map(_dense_on_map(self.dense2, hidden)).sequence


def _dense_on_map(layer: nn.Linear, feature_map: Tensor) -> Tensor:
    return conv2d(feature_map, layer.weight[:, :, None, None], layer.bias)


class Block(nn.Module):
    """Pre-norm transformer block whose two residual branches are dropped at random in training.

    Args:
        width, heads, reduction: see `EfficientAttention`.
        ratio: see `MixFFN`.
        drop_rate: probability with which an item of the batch skips a branch.
    """

    def __init__(self, width: int, heads: int, reduction: int, ratio: int, drop_rate: float) -> None:
        super().__init__()
        self.layer_norm_1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = EfficientAttention(width, heads, reduction)
        self.layer_norm_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MixFFN(width, ratio)
        self.drop_rate = drop_rate

    def forward(self, tokens: Tokens, draws: Tensor | None = None) -> Tokens:
        """The tokens after attention and Mix-FFN.

        Args:
            tokens: of the stage's width.
            draws: (batch, 2), numbers in [0, 1) that decide which items skip the first and the second branch; None
                draws some.
        """
        for number, (norm, branch) in enumerate(((self.layer_norm_1, self.attention), (self.layer_norm_2, self.mlp))):
            change = branch(tokens.through(norm))
            if self.training and self.drop_rate:
                change = drop_path(change, self.drop_rate, None if draws is None else draws[:, number])
            tokens = tokens._replace(sequence=tokens.sequence + change)
        return tokens


def drop_path(branch: Tensor, rate: float, draws: Tensor | None = None) -> Tensor:
    """Leave a residual branch out for some items and scale it for the others (stochastic depth, Huang et al. 2016).

    Args:
        branch: (batch, tokens, width).
        rate: probability, 0 to below 1, with which an item is left out.
        draws: (batch,), numbers in [0, 1); items below `rate` are left out. None draws some.

    Returns:
        The branch, on average unchanged.
    """
    draws = torch.rand(len(branch), device=branch.device) if draws is None else draws
    return branch * (draws >= rate)[:, None, None] / (1 - rate)


def transformer_stages(config: NetworkConfig, stages: Sequence[int]) -> nn.ModuleList:
    """The blocks of some stages of an encoder; their drop rates rise from 0 to `config.drop_path`.

    Args:
        config: of the network.
        stages: numbers of the stages, from 0, that have blocks.
    """
    rates = iter(torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").tolist())
    return nn.ModuleList(
        nn.ModuleList(
            Block(config.widths[s], config.heads[s], config.reductions[s], config.mlp_ratio, next(rates))
            for _ in range(config.depths[s])
        )
        for s in stages
    )


def run_stage(blocks: nn.ModuleList, tokens: Tokens, draws: Tensor | None) -> Tokens:
    """Send tokens through the blocks of one stage; `draws` is (batch, 2 * blocks) or None, see `Block`."""
    for number, block in enumerate(blocks):
        tokens = block(tokens, None if draws is None else draws[:, 2 * number : 2 * number + 2])
    return tokens


def draws_by_stage(stages: nn.ModuleList, draws: Tensor | None) -> Sequence[Tensor | None]:
    """The draws (batch, branches) of a whole encoder, a part for each stage that has blocks."""
    if draws is None:
        return [None] * len(stages)
    return draws.split([2 * len(blocks) for blocks in stages], 1)  # type: ignore[arg-type]  # they are ModuleLists
