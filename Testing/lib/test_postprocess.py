"""Clean-up keeps what its rule says and touches nothing else."""

from __future__ import annotations

import numpy as np

from MISTKDSegmentLib.bundle import PostProcessing
from MISTKDSegmentLib.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.postprocess import bounding_box, postprocess

LIVER, SPLEEN = ABDOMEN_LABELS[4], ABDOMEN_LABELS[6]


def two_parts() -> np.ndarray:
    labels = np.zeros((3, 10, 10), np.uint8)
    labels[:, 1:4, 1:4] = LIVER.value
    labels[1, 8, 8] = LIVER.value
    labels[2, 6, 1:3] = SPLEEN.value
    labels[0, 9, 9] = SPLEEN.value
    return labels


def test_the_largest_part_alone_is_kept_and_other_organs_stay():
    labels = two_parts()
    postprocess(labels, ABDOMEN_LABELS, {"liver": PostProcessing(largest_component=True)}, 1.0)
    assert (labels == LIVER.value).sum() == 27
    assert (labels == SPLEEN.value).sum() == 3


def test_parts_below_the_minimum_volume_go():
    labels = two_parts()
    postprocess(labels, ABDOMEN_LABELS, {"spleen": PostProcessing(minimum_ml=1.0)}, 0.5)
    assert (labels == SPLEEN.value).sum() == 2


def test_an_organ_that_is_not_there_is_no_problem():
    labels = np.zeros((2, 2, 2), np.uint8)
    postprocess(labels, ABDOMEN_LABELS, {"liver": PostProcessing(largest_component=True)}, 1.0)
    assert not labels.any()


def test_the_bounding_box_is_tight():
    mask = np.zeros((4, 5, 6), bool)
    mask[1, 2:4, 5] = True
    assert bounding_box(mask) == (slice(1, 2), slice(2, 4), slice(5, 6))
    assert bounding_box(np.zeros((2, 2), bool)) is None
