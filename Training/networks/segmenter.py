"""Teacher and student: an encoder with four stages of tokens (MiT or hybrid) and a light top-down decoder."""

from __future__ import annotations

from torch import Tensor, nn

from Training.networks.config import NetworkConfig
from Training.networks.decoder import Decoder
from Training.networks.hybrid_encoder import HybridEncoder
from Training.networks.mit_encoder import MiTEncoder
from Training.networks.tokens import Tokens


class Segmenter(nn.Module):
    """Encoder and decoder: slices with their context in, class logits at half resolution out.

    Args:
        channels: slices seen together.
        classes: organs and background.
        config: sizes.
    """

    def __init__(self, channels: int, classes: int, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = (HybridEncoder if config.is_hybrid else MiTEncoder)(channels, config)
        self.decoder = Decoder(channels, classes, config)

    def features(self, image: Tensor, draws: Tensor | None = None) -> tuple[list[Tokens], list[Tensor]]:
        """Token sequences of the encoder and logits of the decoder: all that training compares.

        Args:
            image: (batch, channels, height, width) in [0, 1]; sides are multiples of 32.
            draws: which branches each item skips; see `MiTEncoder.forward`.

        Returns:
            Four token sequences, see `MiTEncoder.forward`, and one or four logits, see `Decoder.forward`.
        """
        stages = self.encoder(image, draws)
        return stages, self.decoder(image, stages)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (batch, classes, height / 2, width / 2) of images (batch, channels, height, width) in [0, 1]."""
        return self.features(image)[1][0]


def parameter_count(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in network.parameters())
