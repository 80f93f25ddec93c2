"""Teacher and student: an encoder with four stages of tokens (MiT or hybrid) and a light top-down decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, interpolate, scaled_dot_product_attention

from Training.networks.batch_norm import BatchNorm
from Training.networks.efficientnet_lite import LITE_STAGES, EfficientNetLite

# Tokens of each stage along 32 pixels, the smallest image.
TOKENS_PER_32_PIXELS = (8, 4, 2, 1)


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a network.

    Attributes:
        early: what the early stages are. "mit": patch embedding and transformer blocks, as in the later ones;
            "lite0", "lite1" or "lite2": the convolutions of that EfficientNet-Lite down to a stride of 16 pixels,
            which fix the first three widths and leave transformer blocks to the last two stages (a hybrid).
        widths: channels of the tokens at the four stages (strides of 4, 8, 16 and 32 pixels).
        depths: transformer blocks per stage.
        heads: attention heads per stage; each divides its width.
        reductions: by how much keys and values are thinned along each side before attention, per stage; divisors of
            8, 4, 2 and 1, the tokens along 32 pixels, so that none is left out.
        mlp_ratio: hidden channels of Mix-FFN over the channels of the tokens.
        decoder_width: channels of the decoder's maps (strides of 4 to 32 pixels).
        stem_width: channels of the half-resolution stem that sharpens the decoder's outlines.
        separable_decoder: whether the 3 x 3 convolutions of the decoder are each a depthwise and a pointwise one
            (MobileNet, Howard et al. 2017), an eighth of the work at 64 channels, with ReLU and not GELU after
            them; the stem, which has few channels, keeps its full convolution and GELU.
        drop_path: largest probability, 0 to below 1, with which a block is skipped in training; it rises from 0 in
            the first block.

    Raises:
        ValueError: if sizes are not positive, or do not fit each other.
    """

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int] = (2, 2, 2, 2)
    heads: tuple[int, int, int, int] = (1, 2, 5, 8)
    reductions: tuple[int, int, int, int] = (8, 4, 2, 1)
    mlp_ratio: int = 4
    decoder_width: int = 64
    stem_width: int = 16
    separable_decoder: bool = False
    drop_path: float = 0.0
    early: Literal["mit", "lite0", "lite1", "lite2"] = "mit"

    @property
    def is_hybrid(self) -> bool:
        """Whether the early stages are convolutions."""
        return self.early != "mit"

    @property
    def branches(self) -> int:
        """Residual branches that stochastic depth may skip: two a block."""
        return 2 * sum(self.depths)

    def __post_init__(self) -> None:
        for name in ("widths", "depths", "heads", "reductions"):
            sizes = getattr(self, name)
            if len(sizes) != 4 or min(sizes[2:] if self.is_hybrid and name == "depths" else sizes) < 1:
                raise ValueError(f"{name} is {sizes}: give four positive numbers, one per stage.")
        for name in ("mlp_ratio", "decoder_width", "stem_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: give a positive number.")
        if any(width % heads for width, heads in zip(self.widths, self.heads)):
            raise ValueError(f"heads {self.heads} do not divide widths {self.widths}: each stage needs a divisor.")
        if any(tokens % reduction for tokens, reduction in zip(TOKENS_PER_32_PIXELS, self.reductions)):
            raise ValueError(f"reductions {self.reductions} are no divisors of {TOKENS_PER_32_PIXELS}: lower them.")
        if self.is_hybrid:
            self._check_hybrid()
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path is {self.drop_path}: give a probability from 0 to below 1.")

    def _check_hybrid(self) -> None:
        widths = tuple(LITE_STAGES[self.early][number].width for number in (1, 2, 4))
        if self.widths[:3] != widths:
            raise ValueError(f"widths {self.widths} begin otherwise than {self.early} does: begin with {widths}.")
        if any(self.depths[:2]):
            raise ValueError(f"depths {self.depths} has blocks where {self.early} has convolutions: begin with 0, 0.")


# Encoders that checkpoints are published of (SegFormer, Xie et al. 2021, table 6, with the depths that were
# published: b2 and b3 have four blocks in their second stage, the table three); the decoders are ours.
FAMILY = {
    "b0": NetworkConfig(widths=(32, 64, 160, 256)),
    "b1": NetworkConfig(widths=(64, 128, 320, 512), decoder_width=96, stem_width=24, drop_path=0.1),
    "b2": NetworkConfig(
        widths=(64, 128, 320, 512), depths=(3, 4, 6, 3), decoder_width=96, stem_width=24, drop_path=0.1
    ),
    "b3": NetworkConfig(
        widths=(64, 128, 320, 512), depths=(3, 4, 18, 3), decoder_width=96, stem_width=24, drop_path=0.1
    ),
}
TEACHER = FAMILY["b1"]
HYBRID_STUDENT = NetworkConfig(
    early="lite0", widths=(24, 40, 112, 160), depths=(0, 0, 1, 2), heads=(1, 1, 4, 5), reductions=(1, 1, 2, 1),
    decoder_width=48,
)
HYBRID_TEACHER = NetworkConfig(
    early="lite2", widths=(24, 48, 120, 384), depths=(0, 0, 2, 7), heads=(1, 1, 4, 6), reductions=(1, 1, 2, 1),
    decoder_width=96, stem_width=24, drop_path=0.1,
)
STUDENT = NetworkConfig(widths=(32, 64, 128, 160), depths=(2, 2, 2, 1), heads=(1, 2, 4, 5), decoder_width=48)


class Tokens(NamedTuple):
    """A token sequence (batch, height * width, channels) in raster order and the grid that it came from."""

    sequence: Tensor
    height: int
    width: int

    def as_map(self) -> Tensor:
        """The tokens as a feature map (batch, channels, height, width)."""
        batch, _, channels = self.sequence.shape
        # Not unflatten: the ONNX tracer would freeze height and width in it.
        return self.sequence.transpose(1, 2).reshape(batch, channels, self.height, self.width)


def _tokens(feature_map: Tensor) -> Tokens:
    return Tokens(feature_map.flatten(2).transpose(1, 2), feature_map.shape[2], feature_map.shape[3])


class PatchEmbedding(nn.Module):
    """Overlapping patches to tokens: a strided convolution and a layer norm (SegFormer, section 3.1)."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, kernel, stride, kernel // 2)
        self.layer_norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, feature_map: Tensor) -> Tokens:
        tokens = _tokens(self.proj(feature_map))
        return tokens._replace(sequence=self.layer_norm(tokens.sequence))


class EfficientAttention(nn.Module):
    """Self-attention whose keys and values lie on a grid thinned by `reduction` (PVT; SegFormer, eq. 2)."""

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
        context = tokens.sequence
        if self.reduction > 1:
            context = self.layer_norm(_tokens(self.sr(tokens.as_map())).sequence)
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
    """Feed-forward layer with a 3 x 3 depthwise convolution that tells tokens where they are (SegFormer, eq. 3)."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.dense1 = nn.Linear(width, width * ratio)
        self.dwconv = nn.Conv2d(width * ratio, width * ratio, 3, padding=1, groups=width * ratio)
        self.dense2 = nn.Linear(width * ratio, width)

    def forward(self, tokens: Tokens) -> Tensor:
        # The dense layers as 1 x 1 convolutions: the wide hidden map need not be transposed for the depthwise one.
        hidden = gelu(self.dwconv(_dense_on_map(self.dense1, tokens.as_map())))
        return _tokens(_dense_on_map(self.dense2, hidden)).sequence


def _dense_on_map(layer: nn.Linear, feature_map: Tensor) -> Tensor:
    return conv2d(feature_map, layer.weight[:, :, None, None], layer.bias)


class Block(nn.Module):
    """Pre-norm transformer block with stochastic depth."""

    def __init__(self, width: int, heads: int, reduction: int, ratio: int, drop_path: float) -> None:
        super().__init__()
        self.layer_norm_1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = EfficientAttention(width, heads, reduction)
        self.layer_norm_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MixFFN(width, ratio)
        self.drop_path = drop_path

    def forward(self, tokens: Tokens, chance: Tensor | None = None) -> Tokens:
        """The tokens after attention and Mix-FFN; `chance` (batch, 2) in [0, 1) decides whose branches are skipped."""
        sequence = tokens.sequence
        attended = self.attention(tokens._replace(sequence=self.layer_norm_1(sequence)))
        sequence = sequence + self._drop(attended, chance, 0)
        mixed = self.mlp(tokens._replace(sequence=self.layer_norm_2(sequence)))
        return tokens._replace(sequence=sequence + self._drop(mixed, chance, 1))

    def _drop(self, branch: Tensor, chance: Tensor | None, number: int) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        drawn = torch.rand(len(branch), device=branch.device) if chance is None else chance[:, number]
        kept = (drawn >= self.drop_path)[:, None, None]
        return branch * kept / (1 - self.drop_path)


class Encoder(nn.Module):
    """Four stages of overlapping patch embedding and transformer blocks (MiT; SegFormer, Xie et al. 2021).

    The size of the input is free: no positional table, only height and width divisible by 32.
    """

    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        inputs = (channels, *config.widths[:3])
        self.patch_embeddings = nn.ModuleList(
            PatchEmbedding(inputs[s], config.widths[s], 7 if s == 0 else 3, 4 if s == 0 else 2) for s in range(4)
        )
        rates = iter(torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").tolist())
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                Block(config.widths[s], config.heads[s], config.reductions[s], config.mlp_ratio, next(rates))
                for _ in range(config.depths[s])
            )
            for s in range(4)
        )
        self.layer_norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for width in config.widths)
        self.apply(_initialise)

    def forward(self, image: Tensor, chance: Tensor | None = None) -> list[Tokens]:
        """Token sequences of the four stages.

        Args:
            image: (batch, channels, height, width).
            chance: (batch, `branches`), numbers in [0, 1) that decide in training which branches each item skips;
                None draws some.

        Returns:
            Four sequences (batch, height / s * width / s, width of the stage), s = 4, 8, 16, 32.
        """
        stages, done = [], 0
        feature_map = image
        for embedding, blocks, norm in zip(self.patch_embeddings, self.blocks, self.layer_norms, strict=True):
            tokens = embedding(feature_map)
            for block in blocks:  # type: ignore[attr-defined]  # ModuleList forgets what it holds
                tokens = block(tokens, None if chance is None else chance[:, done : done + 2])
                done += 2
            tokens = tokens._replace(sequence=norm(tokens.sequence))
            feature_map = tokens.as_map()
            stages.append(tokens)
        return stages


# Mean and standard deviation of the pictures that the weights of the early stages were trained on, over 0 to 1.
PICTURE_MEAN, PICTURE_DEVIATION = 0.45, 0.25


class HybridEncoder(nn.Module):
    """Four stages of tokens: convolutions down to a stride of 16 pixels, transformer blocks at 16 and 32.

    Convolutions first and attention where maps are small, as TransUNet (Chen et al. 2021), CoAtNet (Dai et al. 2021)
    and MobileViT (Mehta and Rastegari 2022) have it; the convolutions are EfficientNet-Lite's.
    """

    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        self.convolutions = EfficientNetLite(channels, config.early)
        rates = iter(torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").tolist())
        self.patch_embedding = PatchEmbedding(config.widths[2], config.widths[3], 3, 2)
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                Block(config.widths[s], config.heads[s], config.reductions[s], config.mlp_ratio, next(rates))
                for _ in range(config.depths[s])
            )
            for s in (2, 3)
        )
        self.layer_norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for width in config.widths[2:])
        # The convolutions have a start of their own.
        self.patch_embedding.apply(_initialise)
        self.blocks.apply(_initialise)

    def forward(self, image: Tensor, chance: Tensor | None = None) -> list[Tokens]:
        """Token sequences of the four stages; see `Encoder`."""
        first, second, map_16 = self.convolutions((image - PICTURE_MEAN) / PICTURE_DEVIATION)
        third = self._attend(_tokens(map_16), 0, chance)
        fourth = self._attend(self.patch_embedding(third.as_map()), 1, chance)
        # What the convolutions emit is normalised already, by their batch norms.
        normalised = [
            tokens._replace(sequence=norm(tokens.sequence))
            for tokens, norm in zip((third, fourth), self.layer_norms, strict=True)
        ]
        return [_tokens(first), _tokens(second), *normalised]

    def _attend(self, tokens: Tokens, number: int, chance: Tensor | None) -> Tokens:
        done = 2 * len(self.blocks[0]) * number  # type: ignore[arg-type]  # ModuleList forgets what it holds
        for block in self.blocks[number]:  # type: ignore[attr-defined]
            tokens = block(tokens, None if chance is None else chance[:, done : done + 2])
            done += 2
        return tokens


def _conv_norm(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), BatchNorm(outputs), nn.GELU()
    )


def _separable_conv_norm(inputs: int, outputs: int) -> nn.Sequential:
    # ReLU, which onnxruntime computes within the convolution.
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs, bias=False), nn.Conv2d(inputs, outputs, 1, bias=False),
        BatchNorm(outputs), nn.ReLU()
    )


class Decoder(nn.Module):
    """Top-down sums of the four stages, then one step to half resolution beside a stem of the image itself."""

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
        self.apply(_initialise)

    def forward(self, image: Tensor, stages: list[Tokens]) -> list[Tensor]:
        """Logits, finest first: strides 2, 8, 16, 32; the coarser three exist for deep supervision.

        Args:
            image: (batch, channels, height, width).
            stages: the encoder's four token sequences.

        Returns:
            (batch, classes, height / s, width / s) for s = 2, 8, 16, 32; only s = 2 outside training.
        """
        maps = [
            tokens._replace(sequence=lateral(tokens.sequence)).as_map()
            for tokens, lateral in zip(stages, self.laterals, strict=True)
        ]
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


def _double(feature_map: Tensor) -> Tensor:
    return interpolate(feature_map, scale_factor=2.0, mode="bilinear", align_corners=False)


class Segmenter(nn.Module):
    """Encoder and decoder: slices with their context in, class logits at half resolution out."""

    def __init__(self, channels: int, classes: int, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = (HybridEncoder if config.is_hybrid else Encoder)(channels, config)
        self.decoder = Decoder(channels, classes, config)

    def features(self, image: Tensor, chance: Tensor | None = None) -> tuple[list[Tokens], list[Tensor]]:
        """Token sequences of the four encoder stages, and the decoder's logits (see `Encoder`, `Decoder`)."""
        stages = self.encoder(image, chance)
        return stages, self.decoder(image, stages)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes, height / 2, width / 2) of images (batch, channels, height, width) in [0, 1]."""
        return self.features(image)[1][0]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def parameter_count(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in network.parameters())
