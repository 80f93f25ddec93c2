"""The hybrid encoder: convolutions that start from ImageNet weights, then transformer blocks."""

from __future__ import annotations

from torch import Tensor, nn

from Training.networks.blocks import draws_by_stage, run_stage, transformer_stages
from Training.networks.config import NetworkConfig
from Training.networks.efficientnet_lite import EfficientNetLite
from Training.networks.tokens import PatchEmbedding, Tokens, initialise

# Mean and standard deviation of the pictures that the weights of the early stages were trained on, over 0 to 1.
PICTURE_MEAN, PICTURE_DEVIATION = 0.45, 0.25


class HybridEncoder(nn.Module):
    """Four stages of tokens: convolutions down to a stride of 16 pixels, transformer blocks at 16 and 32.

    Convolutions first and attention where maps are small, as TransUNet (Chen et al. 2021), CoAtNet (Dai et al. 2021)
    and MobileViT (Mehta and Rastegari 2022) have it; the convolutions are EfficientNet-Lite's.

    Args:
        channels: of the image, i.e. slices seen together.
        config: sizes; `early` names the EfficientNet-Lite.
    """

    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        self.convolutions = EfficientNetLite(channels, config.early)
        self.patch_embedding = PatchEmbedding(config.widths[2], config.widths[3], 3, 2)
        self.blocks = transformer_stages(config, (2, 3))
        self.layer_norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for width in config.widths[2:])
        # The convolutions have a start of their own.
        self.patch_embedding.apply(initialise)
        self.blocks.apply(initialise)

    def forward(self, image: Tensor, draws: Tensor | None = None) -> list[Tokens]:
        """Token sequences of the four stages; arguments and result are those of `MiTEncoder.forward`."""
        first, second, map_16 = self.convolutions((image - PICTURE_MEAN) / PICTURE_DEVIATION)
        draws_16, draws_32 = draws_by_stage(self.blocks, draws)
        third = run_stage(self.blocks[0], Tokens.of_map(map_16), draws_16)  # type: ignore[arg-type]
        fourth = run_stage(self.blocks[1], self.patch_embedding(third.as_map()), draws_32)  # type: ignore[arg-type]
        # What the convolutions emit is normalised already, by their batch norms.
        return [Tokens.of_map(first), Tokens.of_map(second),
                third.through(self.layer_norms[0]), fourth.through(self.layer_norms[1])]
