"""The way in which an oblique scan is shown to the network: as its slices lie, or upright as its header says.

The network knows patients who lie straight. A scan cut obliquely shows one when it is resampled along the patient's
axes; a scan whose header was turned, as registration does it, shows one as its slices lie. The header does not tell
the two apart. The network does: it is surer of organs that it sees straight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from MISTKDSegmentLib.inference.session import Network
from MISTKDSegmentLib.inference.slices import NetworkSlices

SLICES = 24
# Resampling has to be worth it: with 24 slices, equal confidences differ by as much.
_WORTH = 0.002


def surest(candidates: Sequence[NetworkSlices], network: Network) -> NetworkSlices:
    """The candidate in which the network is surest of what it calls an organ; the first where none is clearly surer.

    Args:
        candidates: the same scan in different frames, at least one.
        network: the model.
    """
    if len(candidates) == 1:
        return candidates[0]
    first, *_ = confidences = [confidence(candidate, network) for candidate in candidates]
    best = max(confidences)
    return candidates[confidences.index(best) if best > first + _WORTH else 0]


def confidence(slices: NetworkSlices, network: Network) -> float:
    """Mean probability of the label that wins, over all pixels of some slices where it is an organ; 0 without any.

    Args:
        slices: of which up to `SLICES`, equally far apart, are looked at.
        network: the model.
    """
    count = min(len(slices), SLICES)
    ks = [int((2 * number + 1) * len(slices) / (2 * count)) for number in range(count)]
    total, pixels = 0.0, 0
    for (scores,) in network.scores_of(slices.with_context(k)[None] for k in ks):
        scores = scores - scores.max(0)
        organs = scores[0] < 0  # the background does not win
        # The label that wins has a score of 0 now.
        total += float((1 / np.exp(scores[:, organs]).sum(0)).sum())
        pixels += int(np.count_nonzero(organs))
    return total / pixels if pixels else 0.0
