"""One patient in two cases: recognised however the scan was cut and resampled, and never in another patient."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.phantom.abdomen import make_phantom
from Testing.training.prepared_data import write_prepared
from Testing.training.toy import toy_run
from Training.data.prepared import PreparedCase
from Training.data.same_patient import SIDE, check_patients, small_pictures


@lru_cache
def body(seed: int) -> np.ndarray:
    """Slices of a made-up patient, 8 bits, cropped to the body."""
    voxels = np.clip(make_phantom(seed=seed, spacing_mm=(5.0, 5.0, 5.0))[0].voxels, -125, 275)
    inside = (voxels > -125).any(0)
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    box = np.s_[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.rint((voxels[box] + 125) / 400 * 255).astype(np.uint8)


def case(name: str, image: np.ndarray) -> PreparedCase:
    organs, annotated = np.zeros((len(image), 2), bool), np.zeros(2, bool)
    return PreparedCase(name, image.astype(np.uint8), np.zeros_like(image), organs, annotated, 1.5, 5.0)


CHANGES = {
    "cut to a part of the slices": lambda image: image[3:9],
    "thicker slices": lambda image: (image[:-1:2].astype(float) + image[1::2]) / 2,
    "other pixels": lambda image: np.repeat(np.repeat(image, 2, 1), 3, 2),
    "noise": lambda image: np.clip(image + np.random.default_rng(0).normal(0, 10, image.shape), 0, 255),
    "another window": lambda image: np.clip(image * 0.8 + 20, 0, 255),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_patient_is_recognised(change):
    image = body(0)
    with pytest.raises(InputError, match=r"b shows the patient of a, which is for validation"):
        check_patients([case("c", body(1)), case("b", CHANGES[change](image))], [case("a", image)])


def test_other_patients_and_empty_slices_are_nobody_s_double():
    check_patients([case("b", body(1)), case("e", np.zeros((5, 40, 40)))], [case("a", body(0)), case("d", body(2))])
    check_patients([case("e", np.zeros((5, 40, 40)))], [case("f", np.zeros((5, 40, 40)))])
    check_patients([case("b", body(1))], [])


def test_small_pictures_correlate_as_the_means_of_fields_do():
    image = np.zeros((2, 32, 64), np.uint8)
    image[0, :16], image[1, :, :32] = 200, 200
    upper, left = small_pictures(image)
    assert len(upper) == SIDE**2 and upper @ upper == pytest.approx(1) and upper @ left == pytest.approx(0, abs=1e-6)


def test_a_lone_slice_is_recognised():
    image = body(0)
    with pytest.raises(InputError, match="b shows the patient of a"):
        check_patients([case("b", image[5:6])], [case("a", image)])


def test_a_run_refuses_unlabelled_scans_of_a_validation_patient(tmp_path):
    data = write_prepared(tmp_path / "data")
    more = write_prepared(tmp_path / "more", (), unlabelled=["u"], patient_of={"u": "c"})
    with pytest.raises(InputError, match="u shows the patient of c, which is for validation"):
        toy_run([data, more])
    assert toy_run([data, more], validation=("b",)).split.unlabelled == ("u",)
