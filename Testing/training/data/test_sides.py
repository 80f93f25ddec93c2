"""Left and right: parts told apart by the middle of the body, labels doubted that lie on the wrong side."""

from __future__ import annotations

import numpy as np
import pytest

from MISTKDSegmentLib.geometry.volume import Volume
from Testing.training import raw_data
from Training.data.sides import doubts, split_sides

LEFT, RIGHT, UNCLEAR = 3, 4, 255


def split(boxes, *, flip=False, tilt_degrees=0.0):
    mask = np.zeros(raw_data.SHAPE, bool)
    for box in boxes:
        mask[box] = True
    voxels, direction = raw_data.body(), np.eye(3)
    if flip:
        voxels, mask, direction = voxels[:, :, ::-1], mask[:, :, ::-1], np.diag([-1.0, 1.0, 1.0])
    cos, sin = np.cos(np.radians(tilt_degrees)), np.sin(np.radians(tilt_degrees))
    direction = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ direction
    channels = np.ones(raw_data.SHAPE, np.uint8)
    volume = Volume(voxels, raw_data.SPACING_MM, (10.0, -20.0, 5.0), direction)
    split_sides(channels, mask, volume, left=LEFT, right=RIGHT, unclear=UNCLEAR)
    assert (channels[~mask] == 1).all()
    return channels[:, :, ::-1] if flip else channels


@pytest.mark.parametrize("options", [{}, {"flip": True}, {"tilt_degrees": 15.0}, {"tilt_degrees": 5.0, "flip": True}])
def test_sides_in_any_orientation(options):
    boxes = [raw_data.BOXES["left_kidney"], raw_data.BOXES["right_kidney"], np.s_[0, 20, 20]]
    channels = split(boxes, **options)
    assert (channels[boxes[0]] == LEFT).all() and (channels[boxes[1]] == RIGHT).all()
    assert channels[boxes[2]] == RIGHT


def test_part_across_the_middle():
    assert (split([np.s_[2, 40, 20:60]])[2, 40, 20:60] == UNCLEAR).all()
    # The body's middle lies between columns 39 and 40: 2 of 20 columns are beyond it.
    assert (split([np.s_[2, 40, 22:42]])[2, 40, 22:42] == RIGHT).all()
    assert (split([np.s_[2, 40, 23:43]])[2, 40, 23:43] == UNCLEAR).all()


def test_empty_mask():
    assert (split([]) == 1).all()


LABELS = raw_data.reference(raw_data.ours())
KIDNEYS = "has its left kidney on the wrong side of its right kidney (not to the left)"


def test_true_body_raises_no_doubt():
    assert doubts(LABELS, raw_data.NAMES) == []


def test_no_organ_at_all():
    assert doubts(np.full_like(LABELS, 255), raw_data.NAMES) == ["has none of the organs"]


def test_left_and_right_swapped():
    swapped = raw_data.reference(raw_data.ours() | {"left_kidney": 4, "right_kidney": 3})
    assert doubts(swapped, raw_data.NAMES) == [KIDNEYS]
    assert len(doubts(LABELS[:, :, ::-1], raw_data.NAMES)) == 2


def test_back_and_front_swapped():
    assert [doubt[-8:] for doubt in doubts(LABELS[:, ::-1], raw_data.NAMES)] == ["he back)", "he back)"]


def test_absent_organ_has_no_side():
    assert doubts(raw_data.reference({"liver": 5})[:, :, ::-1], raw_data.NAMES) == []
