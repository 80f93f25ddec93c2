"""What the network says besides its labels: on probabilities small enough to add up by hand."""

from __future__ import annotations

import numpy as np
import pytest

from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.interpolation import Axis
from MISTKDSegmentLib.inference.preprocess import SliceGrid
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.inference.signals import OrganSignals, Signals
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.lib.small_scans import body

SIDE = 4
# Voxels of 1 x 1 x 5 mm, and a cell of the network's output on each.
VOLUME = Volume(np.zeros((3, SIDE, SIDE), np.int16), (1.0, 1.0, 5.0), (10.0, 20.0, 30.0), np.eye(3))
AXIS = Axis(0.0, 1.0, SIDE)
GRID = SliceGrid(slice(SIDE), slice(SIDE), AXIS, AXIS, AXIS, AXIS)


def scores(*organ: tuple[int, int, float]) -> np.ndarray:
    """Log probabilities of background and one organ, whose probability at (row, column) is given; elsewhere 0.001."""
    probability = np.full((2, SIDE, SIDE), 0.001, np.float32)
    for row, column, value in organ:
        probability[1, row, column] = value
    probability[0] = 1 - probability[1]
    return np.log(probability)


def heard(*slices: np.ndarray, region: Region | None = None) -> OrganSignals:
    signals = Signals()
    signals.start(VOLUME, GRID, region)
    for k, one in enumerate(slices):
        signals.look(k, one)
    return signals.of_class(1)


def test_expected_dice_is_that_of_the_probabilities():
    seen = heard(scores((1, 1, 0.9), (1, 2, 0.7), (2, 1, 0.4)))
    # Two cells win; 1.6 of them and 2.0 of all are expected to be the organ.
    assert seen.soft_dice == pytest.approx(2 * 1.6 / (2 + 2.0), rel=1e-5)
    assert seen.peak == pytest.approx(0.9, rel=1e-5)
    assert seen.mass_ml == pytest.approx(2.0 * 5 / 1000, rel=1e-5)


def test_logits_and_probabilities_say_the_same():
    one = scores((1, 1, 0.9), (2, 2, 0.6))
    assert heard(one + 7.0).soft_dice == pytest.approx(heard(one).soft_dice, rel=1e-5)


def test_the_border_is_unclear_where_it_is():
    block = [(row, column, 0.99) for row in range(3) for column in range(3)]
    # Of a block in the corner, five cells have a neighbour outside.
    faint = [(row, column, 0.6 if 2 in (row, column) else 0.99) for row, column, _ in block]
    seen = heard(scores(*block), scores(*faint))
    assert (seen.slices, seen.unclear_slices) == (2, 1)


def test_neighbouring_slices_agree_or_not():
    here, there = scores((0, 0, 0.9), (0, 1, 0.9)), scores((0, 1, 0.9), (0, 2, 0.9))
    assert heard(here, here).neighbours == 1.0
    assert heard(here, there).neighbours == 0.5


def test_the_least_sure_place_is_in_the_slice_where_most_may_be_wrong():
    sure, unsure = scores((1, 1, 0.999)), scores((3, 2, 0.55))
    x, y, z = heard(sure, unsure).least_sure_lps
    assert (x, y, z) == (pytest.approx(10 + 2, abs=0.1), pytest.approx(20 + 3, abs=0.1), 30 + 5)


def test_of_an_organ_that_is_not_found_it_says_where_it_may_be():
    seen = heard(scores((3, 0, 0.3)), scores())
    assert (seen.slices, seen.peak) == (0, pytest.approx(0.3, rel=1e-5))
    assert seen.least_sure_lps[2] == 30 and seen.least_sure_lps[1] == pytest.approx(23, abs=0.1)


def test_other_organs_may_have_a_claim():
    probability = np.array([0.1, 0.7, 0.2], np.float32)[:, None, None] * np.ones((1, SIDE, SIDE), np.float32)
    assert heard(np.log(probability)).others == pytest.approx(0.2, rel=1e-5)


def test_outside_of_the_region_nothing_counts():
    # The first two columns: x from 9.5 to 11.5 mm.
    box = np.diag([1.0, 0.01, 0.01, 1.0])
    box[0, 3] = -10.5
    seen = heard(scores((1, 0, 0.9), (1, 3, 0.6)), region=Region(box))
    assert seen.peak == pytest.approx(0.9, rel=1e-5)


def test_nothing_was_heard_before_the_run():
    assert Signals().of_class(1) == OrganSignals()


def test_a_run_fills_them_and_its_labels_stay_the_same(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    volume = Volume(body(), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))
    signals, with_signals, without = Signals(), *(np.zeros(volume.voxels.shape, np.uint8) for _ in range(2))
    for out, given in ((with_signals, signals), (without, None)):
        for _ in segment(volume, bundle, out, signals=given):
            pass
    np.testing.assert_array_equal(with_signals, without)
    liver, spleen = signals.of_class(1), signals.of_class(2)
    assert liver.slices == len(np.flatnonzero((with_signals == 5).any((1, 2)))) and spleen.slices == 0
    # 150 HU: 0.6875 of the window, so that liver has 1.875 in log odds against the background.
    assert liver.peak == pytest.approx(1 / (1 + np.exp(-1.875) + np.exp(40 * 0.6875 - 32 - 1.875)), abs=0.03)
