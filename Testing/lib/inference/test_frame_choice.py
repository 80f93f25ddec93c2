"""An oblique scan is shown to the network in the way in which it is surer of the organs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.geometry.sitk_image import to_image, to_volume
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.frame_choice import confidence, surest
from MISTKDSegmentLib.inference.runner import ReadyScan, segment
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from Testing.lib.orientations import rotation

REAL = Path(__file__).parents[4] / "shared" / "ct" / "acrin_flt_breast_001"
AIR_HU = -1024


class Slices:
    """Slices of which each has the scores that are given: (classes, h, w)."""

    def __init__(self, *scores):
        self.scores = [np.array(one, np.float32) for one in scores]
        self.asked_for = []

    def __len__(self):
        return len(self.scores)

    def with_context(self, k):
        self.asked_for.append(k)
        return self.scores[k]


class Network:
    """Gives what it is shown."""

    def scores_of(self, batches):
        yield from batches


def scores(*probabilities):
    """Scores of slices of one row, from the probabilities of background, liver and spleen in each pixel."""
    return np.log(np.array(probabilities, np.float64)).T[:, None, :]


def test_confidence_is_the_mean_probability_of_organs_where_they_win():
    slices = Slices(scores((0.1, 0.7, 0.2), (0.9, 0.05, 0.05)), scores((0.2, 0.3, 0.5), (0.02, 0.96, 0.02)))
    assert confidence(slices, Network()) == pytest.approx((0.7 + 0.5 + 0.96) / 3)


def test_without_an_organ_there_is_no_confidence():
    assert confidence(Slices(scores((0.8, 0.1, 0.1))), Network()) == 0.0


def test_some_slices_of_many_stand_for_all():
    slices = Slices(*[scores((0.1, 0.8, 0.1))] * 240)
    confidence(slices, Network())
    assert slices.asked_for == list(range(5, 240, 10))


def test_the_surest_is_taken_where_it_is_clearly_surer_than_the_first():
    sure, hardly_less, less = (Slices(scores((0.1, 0.9 - shift, shift))) for shift in (1e-6, 0.001, 0.01))
    assert surest([less, sure], Network()) is sure
    assert surest([hardly_less, sure], Network()) is hardly_less
    assert surest([sure, less], Network()) is sure
    lone = Slices()
    assert surest([lone], Network()) is lone


def turned(volume: Volume, direction: np.ndarray) -> Volume:
    """The same voxels under a header that is turned about the middle of the scan."""
    middle_ijk = (np.array(volume.voxels.shape[::-1]) - 1) / 2
    middle_lps = volume.ijk_to_lps[:3, :3] @ middle_ijk + volume.origin_mm
    direction = direction @ volume.direction
    origin_mm = middle_lps - (direction * volume.spacing_mm) @ middle_ijk
    return Volume(volume.voxels, volume.spacing_mm, tuple(origin_mm), direction, volume.name)


def cut_obliquely(volume: Volume, direction: np.ndarray) -> Volume:
    """The same patient in slices that are turned."""
    grid = to_image(turned(volume, direction))
    return to_volume(sitk.Resample(to_image(volume), grid, sitk.Transform(), sitk.sitkLinear, AIR_HU), volume.name)


@pytest.fixture(scope="module")
def scan() -> Volume:
    """A real one of half the pixels, which takes a quarter of the time."""
    if not REAL.is_dir():
        pytest.skip("no real scans are in ../shared/ct")
    whole = read_volume(REAL)
    left, posterior, superior = whole.spacing_mm
    return Volume(whole.voxels[:, ::2, ::2], (2 * left, 2 * posterior, superior), whole.origin_mm, whole.direction)


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(default_bundle_folder())


def labels_of(volume: Volume, bundle) -> np.ndarray:
    labels = np.zeros(volume.voxels.shape, np.uint8)
    for _ in segment(volume, bundle, labels):
        pass
    return labels


def test_a_scan_whose_header_was_turned_has_the_organs_of_the_straight_one(scan, bundle):
    np.testing.assert_array_equal(labels_of(turned(scan, rotation(12, 0)), bundle), labels_of(scan, bundle))


@pytest.mark.parametrize(("axis", "degrees"), [(0, -25), (1, 25), (2, 25)])
def test_a_scan_that_was_cut_obliquely_is_seen_upright(scan, bundle, axis, degrees):
    oblique = cut_obliquely(scan, rotation(degrees, axis))
    assert ReadyScan(oblique, bundle, np.zeros(oblique.voxels.shape, np.uint8)).frame.is_oblique
