"""Clean-up keeps what its rule says and touches nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from MISTKDSegmentLib.inference.postprocess import postprocess
from MISTKDSegmentLib.model.bundle import PostProcessing
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS

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


def test_the_largest_part_stays_however_small_it_is():
    labels = two_parts()
    postprocess(labels, ABDOMEN_LABELS, {"spleen": PostProcessing(minimum_ml=10.0)}, 0.5)
    assert (labels == SPLEEN.value).sum() == 2 and (labels[2, 6, 1:3] == SPLEEN.value).all()
    postprocess(labels, ABDOMEN_LABELS, {"liver": PostProcessing(largest_component=True, minimum_ml=100.0)}, 0.5)
    assert (labels == LIVER.value).sum() == 27


def test_an_organ_that_is_not_there_is_no_problem():
    labels = np.zeros((2, 2, 2), np.uint8)
    rule = PostProcessing(largest_component=True, fill_holes=True)
    postprocess(labels, ABDOMEN_LABELS, {"liver": rule}, 1.0)
    assert not labels.any()


@given(arrays(np.uint8, (3, 6, 6), elements=st.integers(0, 8)), st.integers(0, 8))
def test_organs_cleaned_at_once_are_as_one_after_the_other(labels, minimum_ml):
    rules = {label.name: PostProcessing(largest_component=label.value % 2 == 0, minimum_ml=minimum_ml)
             for label in ABDOMEN_LABELS}
    singly = labels.copy()
    for label in ABDOMEN_LABELS:
        postprocess(singly, [label], rules, 1.0)
    postprocess(labels, ABDOMEN_LABELS, rules, 1.0, threads=2)
    assert (labels == singly).all()


def test_large_organs_that_touch_are_cleaned_at_once_as_well():
    labels = np.random.default_rng(0).integers(0, 9, (24, 160, 160), dtype=np.uint8)
    labels[:, :, ::16] = np.arange(10, dtype=np.uint8) % 9
    rules = {label.name: PostProcessing(largest_component=True) for label in ABDOMEN_LABELS}
    singly = labels.copy()
    for label in ABDOMEN_LABELS:
        postprocess(singly, [label], rules, 1.0)
    for _ in range(3):
        at_once = labels.copy()
        postprocess(at_once, ABDOMEN_LABELS, rules, 1.0, threads=2)
        assert (at_once == singly).all()


FILL = {"liver": PostProcessing(fill_holes=True)}


def shell() -> np.ndarray:
    """A cube of 27 voxels of liver whose middle is background."""
    labels = np.zeros((5, 6, 6), np.uint8)
    labels[1:4, 1:4, 1:4] = LIVER.value
    labels[2, 2, 2] = 0
    return labels


def test_a_hole_is_filled():
    labels = shell()
    postprocess(labels, ABDOMEN_LABELS, FILL, 1.0)
    assert (labels == LIVER.value).sum() == 27


def test_a_hole_is_left_alone_unless_the_rule_says_so():
    labels = shell()
    postprocess(labels, ABDOMEN_LABELS, {"liver": PostProcessing(minimum_ml=1.0)}, 1.0)
    assert labels[2, 2, 2] == 0


def test_another_organ_in_a_hole_stays():
    labels = shell()
    labels[2, 2, 2] = SPLEEN.value
    postprocess(labels, ABDOMEN_LABELS, FILL, 1.0)
    assert labels[2, 2, 2] == SPLEEN.value


def test_what_opens_into_another_slice_is_no_hole():
    labels = shell()
    labels[3, 2, 2] = 0
    postprocess(labels, ABDOMEN_LABELS, FILL, 1.0)
    assert labels[2, 2, 2] == 0


def test_what_touches_the_edge_of_the_scan_is_no_hole():
    labels = shell()[2:]
    postprocess(labels, ABDOMEN_LABELS, FILL, 1.0)
    assert labels[0, 2, 2] == 0


def test_a_diagonal_gap_does_not_open_a_hole():
    labels = shell()
    labels[1, 1, 1] = 0
    postprocess(labels, ABDOMEN_LABELS, FILL, 1.0)
    assert labels[2, 2, 2] == LIVER.value
    assert labels[1, 1, 1] == 0


def test_a_part_that_is_dropped_leaves_a_hole_that_another_organ_fills():
    labels = shell()
    labels[2, 2, 2] = SPLEEN.value
    labels[0, 4, 3:6] = SPLEEN.value
    rules = {**FILL, "spleen": PostProcessing(largest_component=True)}
    postprocess(labels, ABDOMEN_LABELS, rules, 1.0)
    assert labels[2, 2, 2] == LIVER.value
    assert (labels == SPLEEN.value).sum() == 3
