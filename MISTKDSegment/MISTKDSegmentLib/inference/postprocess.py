"""What is done for each organ after the network, as the bundle says: offsets of its logits, clean-up of its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Optional

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.geometry.box import bounding_box
from MISTKDSegmentLib.model.bundle import Bundle, PostProcessing
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.system import usable_cores

# Each needs a mask of the whole box, and room for the numbers of its parts.
_MOST_AT_ONCE, _MOST_VOXELS_AT_ONCE = 2, 1 << 26


def logit_offsets(bundle: Bundle) -> Optional[np.ndarray]:
    """What is added to the class scores, float32 (classes, 1, 1); None where that is nothing."""
    rules = [bundle.postprocessing.get(label.name, PostProcessing()) for label in bundle.labels]
    offsets = np.array([0.0, *(rule.logit_offset for rule in rules)], np.float32)
    return offsets[:, None, None] if offsets.any() else None


def postprocess(labels: np.ndarray, label_table: Sequence[Label], rules: Mapping[str, PostProcessing],
                voxel_ml: float, threads: int = 0) -> None:
    """Drop the parts of organs that their rules call implausible and fill their holes, in place.

    Parts are dropped first, from all organs, so that a hole in one may be where a part of another was.

    Args:
        labels: uint8 label map (k, j, i).
        label_table: the organs in it.
        rules: per organ name; organs without a rule stay as they are.
        voxel_ml: volume of one voxel.
        threads: how many organs at once, no more than two, and one in a large scan; 0 means as many as there are
            cores.
    """
    box = bounding_box(labels)
    if box is None:
        return
    inside = labels[box]  # the whole scan is several times as large
    ruled = [(label.value, rules[label.name]) for label in label_table if label.name in rules]
    dropped = [(value, rule) for value, rule in ruled if rule.largest_component or rule.minimum_ml > 0]
    # At once: each organ's parts are looked for and dropped without touching another organ's voxels.
    at_once = _MOST_AT_ONCE if inside.size <= _MOST_VOXELS_AT_ONCE else 1
    with ThreadPoolExecutor(min(threads or usable_cores(), at_once)) as pool:
        for done in [pool.submit(_drop_parts, inside, value, rule, voxel_ml) for value, rule in dropped]:
            done.result()
    for value, rule in ruled:
        if rule.fill_holes:
            _fill_holes(inside, value)


def _drop_parts(labels: np.ndarray, value: int, rule: PostProcessing, voxel_ml: float) -> None:
    box = bounding_box(labels == value)
    if box is None:
        return
    region = labels[box]
    organ = region == value
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray(organ.astype(np.uint8)))
    number = sitk.GetArrayViewFromImage(parts)
    # Slice by slice: counting needs 64-bit copies, which a large organ in a thin-slice scan has no room for.
    count = int(number.max()) + 1
    sizes = sum((np.bincount(values.ravel(), minlength=count) for values in number), np.zeros(count, np.int64))
    sizes[0] = 0
    keep = (sizes * voxel_ml >= rule.minimum_ml) & (not rule.largest_component)
    # A lone slice, or the end of a scan, shows less of an organ than any minimum.
    keep[sizes.argmax()] = True
    region[organ & ~keep[number]] = 0


def _fill_holes(labels: np.ndarray, value: int) -> None:
    """Fill what an organ encloses in three dimensions, unless it is another of the organs that were asked for.

    Not slice by slice: there, the hilum of a kidney or spleen and the fossa of the gallbladder are holes as well.
    """
    box = bounding_box(labels == value)
    if box is None:
        return
    region = labels[box]
    # The margin joins all that reaches the border of the box. Not sitk.BinaryFillhole, which fills corners of the box.
    around = np.pad(region != value, 1, constant_values=True)
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray(around.astype(np.uint8)))
    number = sitk.GetArrayViewFromImage(parts)
    enclosed = (around & (number != number[0, 0, 0]))[1:-1, 1:-1, 1:-1]
    region[enclosed & (region == 0)] = value
