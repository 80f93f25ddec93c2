"""Prepared cases of the same patient: one scan cut short, resampled, or stored in another way.

Names and checksums tell only exact copies. Slices of one scan still look the same as small pictures of the body
when it was cut to fewer slices, resampled to thicker slices or other pixels, made noisier, or windowed anew; slices of
different patients do not. What was cut off within the slice, and another scan of the same patient, are not recognised.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from MISTKDSegmentLib.errors import InputError
from Training.data.prepared import PreparedCase

# Rows and columns of a small picture.
SIDE = 32
# Correlation of small pictures. Of 23 patients, no slice correlates more than 0.904 with one of another patient (of
# made-up abdomens 0.972); of a scan resampled to half of its slices, half of these correlate 0.995 or more with it.
ALIKE = 0.98
# So many slices alike make one patient, or all where there are fewer.
SLICES = 4
# So many slices of a case to train on, spread over it, are looked at.
MOST_SLICES = 32


def small_pictures(image: np.ndarray) -> np.ndarray:
    """Small pictures of slices, so that their products are correlations.

    Args:
        image: (k, j, i), cropped to the body.

    Returns:
        float32 (k, 1024): means over a grid of 32 x 32 fields, of mean 0 and length 1; 0 for slices of one grey.
    """
    pictures: np.ndarray = image.astype(np.float32)
    for axis in (1, 2):
        edges = np.linspace(0, image.shape[axis], SIDE + 1).round().astype(int)[:-1]
        counts = np.diff([*edges, image.shape[axis]])
        sums = np.add.reduceat(pictures, edges, axis=axis)
        pictures = sums / counts.reshape([-1 if a == axis else 1 for a in range(3)])
    flat = pictures.reshape(len(image), -1)
    flat = flat - flat.mean(1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 1)


def slices_alike(one: np.ndarray, other: np.ndarray) -> int:
    """Number of slices of the shorter case that look like one of the other, from their small pictures."""
    shorter, longer = sorted((one, other), key=len)
    return int(((shorter @ longer.T).max(1) > ALIKE).sum())


def check_patients(training: Iterable[PreparedCase], validation: Iterable[PreparedCase]) -> None:
    """Refuse cases to train on that show a patient of the validation.

    Args:
        training: labelled and unlabelled cases.
        validation: cases that are never trained on.

    Raises:
        InputError: names both cases.
    """
    held_out = {case.name: small_pictures(case.image[:]) for case in validation}
    for case in training if held_out else ():
        pictures = small_pictures(case.image[:: -(-len(case.image) // MOST_SLICES)])
        for name, theirs in held_out.items():
            alike = slices_alike(pictures, theirs)
            if alike >= min(SLICES, len(pictures), len(theirs)):
                raise InputError(f"{case.name} shows the patient of {name}, which is for validation ({alike} slices "
                                 "look the same): leave one of them out, or use both for the same.")
