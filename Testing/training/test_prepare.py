"""Preparing: what goes in comes out, in the network's geometry, and what does not fit is refused."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.labels import ABDOMEN_LABELS
from Training.data import load_cases, read_manifest
from Training.prepare import main, prepare

NAMES = {"background": 0} | {label.name: label.value for label in ABDOMEN_LABELS}


def write_raw(folder, *, labels=NAMES, spacing=(1.5, 1.5, 5.0), liver=5, flip=False, shift_mm=0.0):
    """One case: a body of 0 HU from row 10 to 70 and column 10 to 90, with a bright liver on the patient's right."""
    voxels = np.full((4, 80, 100), -1000, np.int16)
    voxels[:, 10:70, 10:90] = 0
    voxels[1:3, 20:40, 15:35] = 150
    reference = np.where(voxels == 150, liver, 0).astype(np.uint8)
    for sub, array, origin in (("imagesTr/case_0000", voxels, 0.0), ("labelsTr/case", reference, shift_mm)):
        image = sitk.GetImageFromArray(array[:, :, ::-1] if flip else array)
        image.SetSpacing(spacing)
        image.SetOrigin((origin, 0.0, 0.0))
        if flip:
            image.SetDirection([-1, 0, 0, 0, 1, 0, 0, 0, 1])
        path = folder / f"{sub}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(path))
    (folder / "dataset.json").write_text(json.dumps({"labels": labels, "file_ending": ".nii.gz"}))
    return folder


def test_a_case_is_cropped_to_the_body_in_8_bits_of_the_window(tmp_path):
    prepare(write_raw(tmp_path / "raw"), tmp_path / "out")
    (case,) = load_cases(tmp_path / "out", ["case"])
    assert case.image.dtype == case.labels.dtype == np.uint8
    assert case.slice_spacing_mm == pytest.approx(5.0) and case.pixel_spacing_mm == 1.5
    assert case.image.shape[0] == 4 and case.image.shape[2] < 100
    assert case.image[0, 40, 40] == round(125 / 400 * 255)
    assert set(np.unique(case.labels)) == {0, 5}
    assert (case.labels == 5).sum() == 2 * 20 * 20
    assert case.image[case.labels == 5].min() == round(275 / 400 * 255)


def test_the_patients_right_is_on_the_left_of_the_pixels_for_any_storage_order(tmp_path):
    prepare(write_raw(tmp_path / "one"), tmp_path / "a")
    prepare(write_raw(tmp_path / "two", flip=True), tmp_path / "b")
    ours, theirs = (load_cases(tmp_path / out, ["case"])[0] for out in "ab")
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    columns = np.flatnonzero((ours.labels == 5).any((0, 1)))
    assert columns.mean() < ours.labels.shape[2] / 2


def test_labels_are_matched_by_name(tmp_path):
    prepare(write_raw(tmp_path / "raw", labels=NAMES | {"liver": 8, "stomach": 5}, liver=8), tmp_path / "out")
    assert read_manifest(tmp_path / "out")["cases"][0]["voxels"]["liver"] == 800


def test_finer_pixels_are_resampled(tmp_path):
    prepare(write_raw(tmp_path / "raw", spacing=(0.75, 0.75, 5.0)), tmp_path / "out")
    (case,) = load_cases(tmp_path / "out", ["case"])
    assert (case.labels == 5).sum() == pytest.approx(2 * 10 * 10, rel=0.1)


def test_the_manifest_has_checksums(tmp_path):
    prepare(write_raw(tmp_path / "raw"), tmp_path / "out")
    (entry,) = read_manifest(tmp_path / "out")["cases"]
    assert entry["sha256"] == hashlib.sha256((tmp_path / "out" / "case.npz").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"labels": {"liver": 5}}, "no label named aorta, gallbladder"), ({"liver": 200}, "none of the organs"),
     ({"shift_mm": 3.0}, "differ in spacing, origin or direction")],
)
def test_what_does_not_fit_is_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        prepare(write_raw(tmp_path / "raw", **options), tmp_path / "out")


def test_a_folder_without_dataset_json_is_one_line_and_an_exit_code(tmp_path, capsys):
    assert main([str(tmp_path), str(tmp_path / "out")]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "dataset.json cannot be read" in error
