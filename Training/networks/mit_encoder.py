"""The MiT encoder: patch embedding and transformer blocks at all four stages."""

from __future__ import annotations

from torch import Tensor, nn

from Training.networks.blocks import draws_by_stage, run_stage, transformer_stages
from Training.networks.config import NetworkConfig
from Training.networks.tokens import PatchEmbedding, Tokens, initialise


class MiTEncoder(nn.Module):
    """Four stages of overlapping patch embedding and transformer blocks (SegFormer, Xie et al. 2021, section 3.1).

    The size of the input is free: no positional table, only height and width divisible by 32.

    Args:
        channels: of the image, i.e. slices seen together.
        config: sizes; `early` is "mit".
    """

    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        inputs = (channels, *config.widths[:3])
        self.patch_embeddings = nn.ModuleList(
            PatchEmbedding(inputs[s], config.widths[s], 7 if s == 0 else 3, 4 if s == 0 else 2) for s in range(4)
        )
        self.blocks = transformer_stages(config, range(4))
        self.layer_norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for width in config.widths)
        self.apply(initialise)

    def forward(self, image: Tensor, draws: Tensor | None = None) -> list[Tokens]:
        """Token sequences of the four stages.

        Args:
            image: (batch, channels, height, width).
            draws: (batch, `config.branches`), numbers in [0, 1) that decide in training which branches each item
                skips (drop path); None draws some.

        Returns:
            Four sequences (batch, height / s * width / s, width of the stage), s = 4, 8, 16, 32.
        """
        stages: list[Tokens] = []
        feature_map = image
        parts = zip(self.patch_embeddings, self.blocks, self.layer_norms, draws_by_stage(self.blocks, draws))
        for embedding, blocks, norm, own_draws in parts:
            tokens = run_stage(blocks, embedding(feature_map), own_draws)  # type: ignore[arg-type]
            stages.append(tokens.through(norm))
            feature_map = stages[-1].as_map()
        return stages
