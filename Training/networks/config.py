"""Sizes of teacher and student, and those that are ready to use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from Training.networks.efficientnet_lite import LITE_STAGES

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
        """True where the early stages are convolutions."""
        return self.early != "mit"

    @property
    def branches(self) -> int:
        """Number of residual branches that drop path may skip: two a block."""
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
