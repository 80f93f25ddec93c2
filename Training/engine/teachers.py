"""Frozen teachers as one: the tokens of the first, and the class probabilities of all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate, log_softmax, pad

from Training.engine.recipe import VIEW_DIVISOR
from Training.networks.batch_norm import at_least_single
from Training.networks.segmenter import Segmenter
from Training.networks.tokens import Tokens


class EnsembleTeacher:
    """Frozen teachers that speak as one; copies share them, for they never change.

    Class probabilities are averaged, as in a deep ensemble (Lakshminarayanan et al. 2017): over the teachers, and
    over the pixel sizes at which each of them looks.

    Args:
        networks: trained teachers; the token sequences are the first one's.
        zooms: pixel sizes over that of the view; 1 is among them.
        compiled: whether torch.compile fuses them.
    """

    def __init__(self, networks: Sequence[Segmenter], zooms: Sequence[float] = (1.0,), *, compiled: bool = False
                 ) -> None:
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        self.zooms = tuple(zooms)
        self._features = [torch.compile(one.features) if compiled else one.features for one in self.networks]

    def __deepcopy__(self, memo: dict[int, Any]) -> EnsembleTeacher:
        return self

    def __call__(self, pixels: Tensor) -> tuple[list[Tokens], Tensor]:
        """Token sequences of the four stages, and logits.

        Args:
            pixels: float32 (batch, context, height, width) in [0, 1].

        Returns:
            Tokens, and (batch, classes, height / 2, width / 2): the logits of a lone teacher at one pixel size,
            otherwise logarithms of the averaged probabilities, in float32.
        """
        for network in self.networks:
            network.to(pixels.device)
        with torch.no_grad():
            tokens, (logits, *_) = self._features[0](pixels)
            others = [self._logits_at(number, pixels, zoom) for number in range(len(self.networks))
                      for zoom in self.zooms if (number, zoom) != (0, 1.0)]
            return tokens, mean_logits([logits, *others]) if others else logits

    def _logits_at(self, number: int, pixels: Tensor, zoom: float) -> Tensor:
        """Logits of one teacher that looks at pixels `zoom` times as large, on the grid of the others'."""
        if zoom == 1:
            return self._features[number](pixels)[1][0]
        sides = pixels.shape[-2:]
        # Even, because logits have half as many; air around them up to the multiple that networks take.
        zoomed = [2 * round(side / (2 * zoom)) for side in sides]
        border = [-side % VIEW_DIVISOR for side in zoomed]
        seen = interpolate(pixels, zoomed, mode="bilinear", align_corners=False, antialias=True)
        logits = self._features[number](pad(seen, (0, border[1], 0, border[0])))[1][0]
        shown = at_least_single(logits[..., : zoomed[0] // 2, : zoomed[1] // 2])
        return interpolate(shown, [side // 2 for side in sides], mode="bilinear", align_corners=False)


def mean_logits(several: Sequence[Tensor]) -> Tensor:
    """Logarithm of the mean of class probabilities.

    Args:
        several: logits, each (batch, classes, height, width).
    """
    probabilities = torch.stack([log_softmax(at_least_single(logits), 1) for logits in several])
    return probabilities.logsumexp(0) - math.log(len(several))
