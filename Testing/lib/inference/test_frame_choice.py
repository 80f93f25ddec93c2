"""An oblique scan is shown to the network in the way in which the patient lies straighter."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.geometry.sitk_image import to_image, to_volume
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.frame_choice import confidence, straightest, symmetry
from MISTKDSegmentLib.inference.runner import ReadyScan, segment
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from Testing.lib.orientations import rotation

REAL = Path(__file__).parents[4] / "shared" / "ct" / "acrin_flt_breast_001"
AIR_HU = -1024


def row(*hu) -> Volume:
    """One row of voxels of a centimetre."""
    return Volume(np.array(hu, np.int16)[None, None], (10.0, 10.0, 10.0), (0.0, 0.0, 0.0), np.eye(3))


class Slices:
    """Slices of which each has the scores that are given, (classes, h, w), of a volume."""

    def __init__(self, *scores, volume=None):
        self.frame = SimpleNamespace(volume=volume or row(0))
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


@pytest.mark.parametrize(("hu", "expected"), [
    ((0, 0), 1.0), ((-1000, 300, 0, 300, -1000, -1000), 1.0),
    # 600 and 300 above air: mirrored, 2 x 600 x 300 or 600 x 600 of 600 x 600 + 300 x 300.
    ((300, 0), 0.8), ((-900, 300, 0, -1000), 0.8),
    ((-1000, -1000), 0.0)])
def test_symmetry_is_the_largest_correlation_with_the_mirror_image(hu, expected):
    assert symmetry(row(*hu)) == pytest.approx(expected, abs=1e-6)


def test_symmetry_is_of_centimetres_whatever_the_spacing():
    fine = np.repeat(np.repeat(np.repeat(row(300, 0, -1000, 0).voxels, 2, 0), 16, 1), 16, 2)
    volume = Volume(fine, (0.625, 0.625, 5.0), (0.0, 0.0, 0.0), np.eye(3))
    assert symmetry(volume) == pytest.approx(symmetry(row(300, 0, -1000, 0)), abs=1e-6)


SURE, HARDLY_LESS_SURE, LESS_SURE = (scores((0.1, 0.9 - shift, shift)) for shift in (1e-6, 0.001, 0.01))
EVEN, ODD = row(0, 0), row(300, 0)


@pytest.mark.parametrize(("own", "upright", "expected"), [
    (Slices(LESS_SURE, volume=EVEN), Slices(SURE, volume=ODD), "own"),
    (Slices(SURE, volume=ODD), Slices(LESS_SURE, volume=EVEN), "upright"),
    (Slices(LESS_SURE), Slices(SURE), "upright"),
    (Slices(SURE), Slices(LESS_SURE), "own"),
    # Not worth resampling.
    (Slices(HARDLY_LESS_SURE), Slices(SURE), "own")])
def test_symmetry_decides_and_where_it_tells_nothing_confidence(own, upright, expected):
    assert straightest([own, upright], Network()) is {"own": own, "upright": upright}[expected]


def test_a_scan_that_is_not_oblique_is_not_looked_at():
    lone = Slices()
    assert straightest([lone], Network()) is lone and lone.asked_for == []


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


@pytest.mark.parametrize(("axis", "degrees"), [(0, 12), (1, -12), (2, 12)])
def test_a_scan_whose_header_was_turned_is_seen_as_its_slices_lie(scan, bundle, axis, degrees):
    oblique = turned(scan, rotation(degrees, axis))
    ready = ReadyScan(oblique, bundle, np.zeros(oblique.voxels.shape, np.uint8))
    assert not ready.frame.is_oblique


def test_a_scan_whose_header_was_turned_has_the_organs_of_the_straight_one(scan, bundle):
    np.testing.assert_array_equal(labels_of(turned(scan, rotation(12, 0)), bundle), labels_of(scan, bundle))


@pytest.mark.parametrize(("axis", "degrees"), [(0, -12), (1, 12), (2, -12)])
def test_a_scan_that_was_cut_obliquely_is_seen_upright(scan, bundle, axis, degrees):
    oblique = cut_obliquely(scan, rotation(degrees, axis))
    assert ReadyScan(oblique, bundle, np.zeros(oblique.voxels.shape, np.uint8)).frame.is_oblique
