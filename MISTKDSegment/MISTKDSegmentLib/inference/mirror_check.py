"""A second look at a few slices, mirrored: do the organs that lie on one side come out better that way?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from MISTKDSegmentLib.geometry.canonical_frame import axial_view
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.runner import ReadyScan
from MISTKDSegmentLib.model.bundle import Bundle

_SLICES, _TIMES_AS_MUCH = 12, 1.5
# Of a mirrored patient the network takes the liver for the spleen and finds aorta and kidneys all the same; what it
# hardly finds is the rest: gallbladder, pancreas, stomach. SNOMED CT: liver, spleen, kidney, aorta.
_ALIKE = ("10200004", "78961009", "64033007", "15825003")


def looks_mirrored(volume: Volume, bundle: Bundle, labels: np.ndarray, threads: int = 0) -> bool:
    """Whether the model finds much more of the organs that lie on one side when left and right are exchanged.

    Args:
        volume: CT in HU, any orientation.
        bundle: the model.
        labels: what was found as it stands, of the volume's shape: the slices with organs are looked at.
        threads: as in `runner.segment`.
    """
    view, found = axial_view(volume), axial_view(volume.with_voxels(labels)).voxels
    with_organs = np.flatnonzero(found.any(axis=(1, 2)))
    if not len(with_organs):
        return False
    slices = np.unique(with_organs[np.linspace(0, len(with_organs) - 1, _SLICES).astype(int)])
    as_it_stands, mirrored = (_found(one, bundle, slices, threads) for one in (view, _mirrored(view)))
    return mirrored > _TIMES_AS_MUCH * as_it_stands


def _mirrored(view: Volume) -> Volume:
    """An axial volume with its voxels exchanged between left and right; the header stays."""
    return replace(view, voxels=np.flip(view.voxels, 2))


def _found(view: Volume, bundle: Bundle, slices: np.ndarray, threads: int) -> int:
    """Voxels of the organs that lie on one side, in some slices."""
    others = [label.name for label in bundle.labels if label.type.value not in _ALIKE]
    if not others:
        return 0
    # Nearly axis-aligned by now: an oblique scan is looked at as if it were axial.
    upright = replace(view, direction=np.eye(3))
    # What the network itself sees: offsets were chosen on scans that are not mirrored.
    scan = ReadyScan(upright, bundle, np.zeros(view.voxels.shape, np.uint8),
                     SegmentOptions(organs=others, threads=threads, postprocess=False))
    for k in slices.tolist():
        for _ in scan.label(range(k, k + 1), math.inf):
            pass
    return int(np.count_nonzero(scan.labels))
