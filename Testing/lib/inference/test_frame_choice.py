"""An oblique scan is shown to the network in the way in which the patient lies straighter."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.geometry.sitk_image import to_image, to_volume
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.frame_choice import slope_of_back, straightest, symmetry
from MISTKDSegmentLib.inference.runner import ReadyScan, segment
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from Testing.lib.orientations import rotation

REAL = Path(__file__).parents[4] / "shared" / "ct" / "acrin_flt_breast_001"
AIR_HU = -1024


def row(*hu) -> Volume:
    """One row of voxels of a centimetre."""
    return Volume(np.array(hu, np.int16)[None, None], (10.0, 10.0, 10.0), (0.0, 0.0, 0.0), np.eye(3))


def with_back(slope: float, degrees: float = 0.0) -> Volume:
    """A symmetric block of fat in air, whose back goes down so many mm per mm; the header is turned."""
    voxels = np.full((30, 60, 60), -1000, np.int16)
    for k in range(30):
        voxels[k, 12 : 40 + round(slope * (k - 15)), 10:50] = -80
    return Volume(voxels, (5.0, 5.0, 5.0), (0.0, 0.0, 0.0), rotation(degrees, 0))


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


@pytest.mark.parametrize("slope", [0.0, 0.2, -0.4])
def test_the_slope_of_the_back_is_that_from_slice_to_slice(slope):
    assert slope_of_back(with_back(slope)) == pytest.approx(slope, abs=0.03)


def test_without_a_back_there_is_no_slope():
    assert np.isnan(slope_of_back(row(-1000, -1000, -1000)))
    everywhere = with_back(0.0)
    assert np.isnan(slope_of_back(everywhere.with_voxels(np.full_like(everywhere.voxels, 40))))


# Slices tilted by 20 degrees show a level back sloping by tan 20 degrees.
STEEP = np.tan(np.radians(20))


@pytest.mark.parametrize(("own", "upright", "expected"), [
    (row(0, 0), row(300, 0), "own"), (row(300, 0), row(0, 0), "upright"),
    (with_back(0.0, 20), row(300), "own"), (with_back(STEEP, 20), row(300), "upright"),
    (with_back(0.0, -20), row(300), "own"), (with_back(-STEEP, -20), row(300), "upright"),
    (with_back(0.0), row(300), "own")])
def test_symmetry_decides_and_where_it_tells_nothing_the_back(own, upright, expected):
    own, upright = (SimpleNamespace(frame=SimpleNamespace(volume=volume)) for volume in (own, upright))
    assert straightest([own, upright]) is {"own": own, "upright": upright}[expected]


def test_a_scan_that_is_not_oblique_is_not_looked_at():
    lone = SimpleNamespace()
    assert straightest([lone]) is lone


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
