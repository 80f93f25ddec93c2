"""A scan in, its organs out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional, Union

from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions
from MISTKDSegmentLib.model.bundle import Bundle, default_bundle_folder, load_bundle

# Arrays, images and the network are loaded when there is a scan to segment, not with the names of the front door.
if TYPE_CHECKING:
    from collections.abc import Sequence

    import SimpleITK as sitk

    from MISTKDSegmentLib.api.result import Result
    from MISTKDSegmentLib.geometry.volume import Volume
    from MISTKDSegmentLib.inference.progress import Progress


def segment(
    scan: Union[str, os.PathLike[str], sitk.Image, Volume],
    *,
    organs: Optional[Sequence[str]] = None,
    model: Union[str, os.PathLike[str], Bundle, None] = None,
    threads: Optional[int] = None,
    orientation: Optional[str] = None,
    on_progress: Optional[Callable[[Progress], object]] = None,
    options: SegmentOptions = DEFAULTS,
) -> Result:
    """Segment the organs of an abdominal CT.

    Args:
        scan: path of a NIfTI, NRRD or MetaImage file, folder of one DICOM series, SimpleITK image or `Volume`; in HU,
            any orientation.
        organs: names of those to label, or a text with names separated by commas; None means those of `options`.
        model: folder of a model bundle, or what `load_model` gave; None means the model that comes along.
        threads: processor cores to use, 0 for all; None means those of `options`.
        orientation: how the voxels of a file lie in the patient, whatever its header says, such as "LPS": towards what
            the columns, rows and slices count up. For files that do not say it, or say it wrong.
        on_progress: is called after each batch of slices with `slices_done` and `slices_total`; an exception that it
            raises ends the run, and nothing is left running.
        options: all that can be chosen.

    Returns:
        Labels, table and picture, on the scan's own grid.

    Raises:
        InputError: the scan cannot be read, is no CT in HU, or has no usable geometry.
        BundleError: the model cannot be used, or does not know an organ.
        OptionError: a value makes no sense. All three are `SegmentError`: one sentence with the remedy.

    Examples:
        >>> result = segment("my_ct.nii.gz", organs=["liver", "spleen"])
        >>> [row.organ for row in result.table]
        ['liver', 'spleen']
        >>> result.save("my_ct.seg.nrrd").name
        'my_ct.seg.nrrd'
    """
    from MISTKDSegmentLib.api.steps import read_scan, segment_volume

    options = replace(options, organs=options.organs if organs is None else organs,
                      threads=options.threads if threads is None else threads)
    # Before the scan is read: what is wrong with a model or a name is told at once.
    bundle = model if isinstance(model, Bundle) else load_model(model)
    bundle.labels_named(options.organs)
    volume, source = read_scan(scan, orientation)
    return segment_volume(volume, bundle, options, on_progress, source=source)


def load_model(folder: Union[str, os.PathLike[str], None] = None) -> Bundle:
    """Read and verify a model; worth it where many scans are segmented with the same.

    Args:
        folder: of the model bundle (`model.json`, `model.onnx`); None means the one that comes along.

    Returns:
        The model: its `name`, `version`, `labels` (the organs), `input`, `licence` and `results`.

    Raises:
        BundleError: a file is missing or damaged, or the network is more than data.

    Examples:
        >>> model = load_model()
        >>> [label.name for label in model.labels][:3]
        ['aorta', 'gallbladder', 'left_kidney']
    """
    return load_bundle(default_bundle_folder() if folder is None else Path(folder))
