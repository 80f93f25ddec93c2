"""The phantom looks like an abdomen: organs in their places, with their HU, on any grid."""

import numpy as np
import pytest

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.phantom.abdomen import make_phantom

VALUE = {label.name: label.value for label in ABDOMEN_LABELS}
COARSE = (4.0, 4.0, 6.0)


@pytest.fixture(scope="module", params=[0, 1, 2])
def coarse(request):
    return make_phantom(seed=request.param, spacing_mm=COARSE)


def centre_lps(volume, labels, name):
    kji = np.argwhere(labels == VALUE[name]).mean(0)
    return (volume.ijk_to_lps @ [*kji[::-1], 1])[:3]


def test_default_grid_is_that_of_the_documentation():
    volume, labels = make_phantom(noise_hu=0.0)
    assert volume.voxels.shape == labels.shape == (100, 192, 256)
    assert volume.spacing_mm == (1.5, 1.5, 3.0)
    assert volume.voxels.dtype == np.int16
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(volume.direction, np.eye(3))


def test_organs_have_the_volumes_of_an_adult(coarse):
    volume, labels = coarse
    ml = {name: (labels == value).sum() * volume.voxel_ml for name, value in VALUE.items()}
    plausible = {"aorta": (50, 180), "gallbladder": (10, 70), "left_kidney": (100, 250),
                 "right_kidney": (100, 250), "liver": (1000, 2000), "pancreas": (30, 130),
                 "spleen": (100, 350), "stomach": (150, 600)}
    assert [name for name, (low, high) in plausible.items() if not low < ml[name] < high] == []


def test_organs_have_their_portal_venous_hu(coarse):
    volume, labels = coarse
    mean = {name: volume.voxels[labels == value].mean() for name, value in VALUE.items()}
    assert 95 < mean["liver"] < 120
    assert 105 < mean["spleen"] < 130
    assert 130 < mean["aorta"] < 160
    assert 150 < mean["left_kidney"] < 185
    assert 150 < mean["right_kidney"] < 185
    assert 70 < mean["pancreas"] < 105
    assert 0 < mean["gallbladder"] < 40


def test_organs_lie_where_anatomy_puts_them(coarse):
    place = {name: centre_lps(*coarse, name) for name in VALUE}
    left, posterior, superior = range(3)
    assert place["liver"][left] < -40 < 40 < place["spleen"][left]
    assert place["right_kidney"][left] < -40 < 40 < place["left_kidney"][left]
    assert place["stomach"][left] > 20
    assert place["gallbladder"][left] < -30
    assert place["gallbladder"][superior] < place["liver"][superior]
    assert place["gallbladder"][posterior] < place["liver"][posterior]
    assert place["pancreas"][posterior] < place["aorta"][posterior]
    assert place["stomach"][posterior] < place["spleen"][posterior]
    assert place["right_kidney"][superior] < place["left_kidney"][superior]


def test_body_holds_fat_bone_and_lung_and_lies_in_air(coarse):
    hu = coarse[0].voxels
    assert (hu[:, 0] < -900).all()
    body = hu[hu > -950]
    assert (abs(body + 100) < 40).mean() > 0.15
    assert (body > 350).mean() > 0.01
    lung_share = (abs(hu + 850) < 60).mean(axis=(1, 2))
    assert lung_share[-1] > 0.1
    assert lung_share[0] < 0.03


def test_same_seed_gives_the_same_patient_and_another_seed_another_one():
    first, second, other = (make_phantom(seed=seed, spacing_mm=COARSE) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0].voxels, second[0].voxels)
    np.testing.assert_array_equal(first[1], second[1])
    assert (first[1] != other[1]).any()


def test_patient_does_not_depend_on_the_grid():
    coarse_volume, coarse_labels = make_phantom(seed=1, spacing_mm=COARSE)
    fine_volume, fine_labels = make_phantom(seed=1, spacing_mm=(3.0, 3.0, 4.0))
    for name in ("liver", "spleen", "left_kidney"):
        shift = centre_lps(coarse_volume, coarse_labels, name) - centre_lps(fine_volume, fine_labels, name)
        assert np.abs(shift).max() < 1.5


@pytest.mark.parametrize("size_mm, shape", [((384, 288, 6), (1, 72, 96)), ((100, 80, 60), (10, 20, 25))])
def test_any_field_of_view_works(size_mm, shape):
    volume, labels = make_phantom(spacing_mm=COARSE, size_mm=size_mm)
    assert volume.voxels.shape == labels.shape == shape


def test_noise_has_the_deviation_asked_for_and_neighbours_resemble_each_other():
    quiet, noisy = (make_phantom(spacing_mm=COARSE, noise_hu=noise_hu)[0].voxels for noise_hu in (0.0, 20.0))
    inside = quiet > -900  # air cannot fall below -1024 HU
    noise = np.where(inside, noisy.astype(float) - quiet, np.nan)
    assert np.nanstd(noise) == pytest.approx(20, rel=0.05)
    assert np.nanmean(noise[:, :, 1:] * noise[:, :, :-1]) / np.nanvar(noise) > 0.3
