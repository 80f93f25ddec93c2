"""The real way from a file to a file, and what comes of it: labels, or one sentence."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np

from MISTKDSegmentLib.errors import SegmentError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.io.writing import write_segmentation
from MISTKDSegmentLib.model.bundle import load_bundle


@dataclass(frozen=True)
class Outcome:
    """Either what was read and labelled, or the error."""

    volume: Optional[Volume] = None
    labels: Optional[np.ndarray] = None
    error: str = ""


def read_segment_write(scan: Path, bundle: Path, out: Path) -> Outcome:
    """All that a run does; errors other than those for users pass through."""
    try:
        model, volume = load_bundle(bundle), read_volume(scan)
        labels = np.zeros(volume.voxels.shape, np.uint8)
        for _ in segment(volume, model, labels, SegmentOptions(threads=1)):
            pass
        write_segmentation(out, volume, labels, model.labels)
    except SegmentError as error:
        return Outcome(error=str(error))
    return Outcome(volume, labels)


def check_sentence(error: str, name: Path) -> None:
    """One sentence for people that names the file."""
    assert str(name) in error
    assert "\n" not in error and "Traceback" not in error
    assert error.endswith(".") and len(error) < 300 + 3 * len(str(name))


def check_ending(outcome: Outcome, scan: Path, out: Path) -> None:
    """Either the file is there, whole and alone, or a sentence and no file."""
    if outcome.error:
        check_sentence(outcome.error, scan)
        assert os.listdir(out.parent) == []
    else:
        assert os.listdir(out.parent) == [out.name]
