"""From any source to a result, step by step: what Python's `segment` and the batch both do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.api.result import Result
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference import runner
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.inference.signals import Signals
from MISTKDSegmentLib.io.in_memory import checked_volume, volume_of_image
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.model.bundle import Bundle


def read_scan(scan: Union[str, os.PathLike[str], sitk.Image, Volume],
              orientation: Optional[str] = None) -> tuple[Volume, Optional[Path]]:
    """Read a scan from wherever it is, and check it.

    Args:
        scan: as in `segment`.
        orientation: of a file, as in `SegmentOptions`.

    Returns:
        The scan, and the file or folder that it came from; None where it was in memory.

    Raises:
        InputError: it cannot be read, is no CT in HU, or has no usable geometry.
    """
    if isinstance(scan, (str, os.PathLike)):
        return read_volume(Path(scan), orientation=orientation), Path(scan)
    return (volume_of_image(scan) if isinstance(scan, sitk.Image) else checked_volume(scan)), None


def segment_volume(volume: Volume, bundle: Bundle, options: SegmentOptions,
                   on_progress: Optional[Callable[[Progress], object]] = None, *, source: Optional[Path] = None,
                   files: Sequence[str] = ()) -> Result:
    """Label a scan that is read and checked.

    Args:
        volume: CT in HU.
        bundle: the model.
        options: how to segment.
        on_progress: is called before the first and after each batch of slices; what it raises ends the run.
        source, files: where the scan came from, as in `Result`.

    Raises:
        BundleError: the model cannot be run, or does not know an organ.
        InputError: the region lies outside the scan.
    """
    labels = np.zeros(volume.voxels.shape, np.uint8)
    signals = Signals() if bundle.confidence else None
    with closing(runner.segment(volume, bundle, labels, options, signals)) as run:
        for progress in run:
            if on_progress is not None:
                on_progress(progress)
    return Result(volume, labels, bundle, options, source, tuple(files), signals)
