"""The way in which an oblique scan is shown to the network: as its slices lie, or upright as its header says.

The network knows patients who lie straight. A scan that was cut obliquely shows one when it is resampled along the
patient's axes; a scan whose header was turned, as registration does it, shows one as its slices lie. The header does
not tell the two apart, but the voxels do: left and right of a straight patient look alike. They still do where slices
are tilted about the axis from left to right; there, the network is surer of organs in slices as it knows them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.session import Network
from MISTKDSegmentLib.inference.slices import NetworkSlices

SLICES = 24
_CELL_MM, _SAMPLES_EACH = 10.0, 4
_LOW_HU, _HIGH_HU = -300.0, 300.0
# In five scans, turned or cut at 12 and 25 degrees, symmetry differed by at least 0.015 where it tells anything, and
# by at most 0.0024 where it does not.
_ALIKE = 0.006
# With 24 slices, confidences that mean the same differ by as much; and resampling has to be worth it.
_WORTH = 0.002


def straightest(candidates: Sequence[NetworkSlices], network: Network) -> NetworkSlices:
    """The candidate in which the patient lies straightest.

    Args:
        candidates: a scan as its slices lie and, where it is oblique, upright.
        network: the model.
    """
    if len(candidates) == 1:
        return candidates[0]
    own, upright = candidates
    gain = symmetry(upright.frame.volume) - symmetry(own.frame.volume)
    if abs(gain) < _ALIKE:
        gain = confidence(upright, network) - confidence(own, network) - _WORTH
    return upright if gain > 0 else own


def symmetry(volume: Volume) -> float:
    """How alike left and right are: the largest correlation of an axial volume with its mirror image, up to 1.

    It is that of body against air, of cells of a centimetre; where the mirror stands is found out.
    """
    cells = _cells(volume)
    size, power = cells.shape[2], float((cells * cells).sum())
    # The correlation theorem; padded, so that nothing meets itself around the corner.
    there, back = (np.fft.rfft(side, 2 * size, axis=2) for side in (cells, cells[..., ::-1]))
    correlations = np.fft.irfft((there * back.conj()).sum((0, 1)), 2 * size)
    return float(correlations.max()) / power if power else 0.0


def _cells(volume: Volume) -> np.ndarray:
    """Means of HU within a window, 0 for air: float32 (k, j, i)."""
    spacing_mm = volume.spacing_mm[::-1]
    steps = [max(1, int(_CELL_MM / _SAMPLES_EACH / mm)) for mm in spacing_mm]
    sampled = volume.voxels[tuple(slice(None, None, step) for step in steps)]
    counts = [min(size, max(1, round(_CELL_MM / mm / step)))
              for size, mm, step in zip(sampled.shape, spacing_mm, steps)]
    whole = tuple(slice(size // count * count) for size, count in zip(sampled.shape, counts))
    values = np.clip(sampled[whole], _LOW_HU, _HIGH_HU).astype(np.float32) - np.float32(_LOW_HU)
    shape = [number for size, count in zip(values.shape, counts) for number in (size // count, count)]
    return values.reshape(shape).mean((1, 3, 5))


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
