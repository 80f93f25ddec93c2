"""A result: table, masks, picture and files."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib import Result, SegmentOptions, load_model, segment
from MISTKDSegmentLib.api.result import NOTHING_FOUND
from MISTKDSegmentLib.errors import BundleError, OutputError
from MISTKDSegmentLib.extras import ExtraError
from MISTKDSegmentLib.geometry.volume import Volume
from Testing.lib.small_scans import LIVER_VOXELS, body, write_ct_series, write_volume

LIVER = 5


@pytest.fixture
def result(tmp_path, tiny_bundle) -> Result:
    return segment(write_volume(tmp_path / "my_ct.nii.gz"), model=tiny_bundle, threads=1)


def test_the_table_has_a_row_for_each_organ_found_or_not(result):
    liver, spleen = result.table
    # 192 voxels of 20 mm^3
    assert (liver.organ, liver.label, liver.volume_ml, liver.mean_hu, liver.voxels) == (
        "liver", LIVER, pytest.approx(3.84), 150.0, LIVER_VOXELS)
    assert liver.flags == ("implausibly small",)
    assert (spleen.organ, spleen.volume_ml, spleen.mean_hu, spleen.flags) == ("spleen", 0.0, None, ("not found",))


def test_the_table_prints_as_one(result):
    assert str(result.table) == repr(result.table) == (
        "organ   volume (mL)  mean HU  flags\n"
        "liver           3.8      150  implausibly small\n"
        "spleen          0.0        -  not found")


def test_the_table_holds_what_was_asked_for(tmp_path, tiny_bundle):
    result = segment(write_volume(tmp_path / "a.nrrd"), organs="spleen", model=tiny_bundle, threads=1)
    assert [row.organ for row in result.table] == [label.name for label in result.organs] == ["spleen"]


def test_nothing_found_is_a_doubt_about_the_whole(result):
    assert result.doubts == ()
    assert replace(result, labels=np.zeros_like(result.labels)).doubts == (NOTHING_FOUND,)


def test_a_mask_is_where_the_organ_is(result):
    assert result.mask("liver").dtype == bool and result.mask("liver").sum() == LIVER_VOXELS
    with pytest.raises(BundleError, match="no organ 'lung'"):
        result.mask("lung")


def test_the_image_lies_where_the_scan_lies(tiny_bundle):
    tilted = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    volume = Volume(body(), (2.0, 2.0, 5.0), (-7.0, 8.0, 9.5), tilted)
    image = segment(volume, model=tiny_bundle, threads=1).image()
    assert image.GetPixelID() == sitk.sitkUInt8
    assert (image.GetSpacing(), image.GetOrigin()) == (volume.spacing_mm, volume.origin_mm)
    np.testing.assert_array_equal(np.reshape(image.GetDirection(), (3, 3)), tilted)


@pytest.mark.parametrize("name", ["a.seg.nrrd", "a.nrrd", "a.nii.gz"])
def test_the_labels_come_back_from_the_file(result, tmp_path, name):
    path = result.save(str(tmp_path / name))
    assert path == tmp_path / name
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), result.labels)


def test_the_table_is_saved_as_csv(result, tmp_path):
    with open(result.save(tmp_path / "a.csv"), encoding="utf-8") as file:
        volumes = [(row["name"], row["volume_ml"]) for row in csv.DictReader(file)]
    assert volumes == [("liver", "3.84"), ("spleen", "0.00")]


def test_the_picture_is_what_a_notebook_shows(result, tmp_path):
    image = pytest.importorskip("PIL.Image")
    shown = image.open(BytesIO(result._repr_png_()))
    assert (shown.format, shown.width) == ("PNG", 1400)
    saved = image.open(result.save(tmp_path / "a.png"))
    np.testing.assert_array_equal(np.asarray(saved), np.asarray(shown))


def test_a_dicom_series_can_be_saved_as_dicom(tmp_path, tiny_bundle):
    pytest.importorskip("highdicom")
    pydicom = pytest.importorskip("pydicom")
    result = segment(write_ct_series(tmp_path / "series"), model=tiny_bundle, threads=1)
    seg = pydicom.dcmread(result.save(tmp_path / "a.dcm"))
    assert (seg.Modality, [one.SegmentLabel for one in seg.SegmentSequence]) == ("SEG", ["Liver"])


def test_a_file_cannot_be_saved_as_dicom(result, tmp_path):
    with pytest.raises(OutputError, match=r"my_ct\.nii\.gz is no DICOM folder"):
        result.save(tmp_path / "a.dcm")
    assert not (tmp_path / "a.dcm").exists()


def test_without_highdicom_it_says_what_to_install(tmp_path, tiny_bundle, monkeypatch):
    result = segment(write_ct_series(tmp_path / "series"), model=tiny_bundle, threads=1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ExtraError, match=r"To write a\.dcm needs the Python package highdicom .*\[dicom\]"):
        result.save(tmp_path / "a.dcm")


@pytest.mark.parametrize("name", ["a.mha", "a", "a.seg", "A.NII.GZ"])
def test_an_unknown_ending_is_refused_with_the_known_ones(result, tmp_path, name):
    with pytest.raises(OutputError, match=r"\.seg\.nrrd, \.nrrd, \.nii\.gz, \.dcm, \.csv or \.png"):
        result.save(tmp_path / name)


def test_the_scan_itself_is_never_replaced(result, tmp_path):
    before = (tmp_path / "my_ct.nii.gz").read_bytes()
    with pytest.raises(OutputError, match="is the scan itself"):
        result.save(tmp_path / "my_ct.nii.gz")
    assert (tmp_path / "my_ct.nii.gz").read_bytes() == before


def test_it_says_in_a_line_what_it_is(result):
    assert repr(result) == "<Result: my_ct, 1 of 2 organs found: liver 3.8 mL>"
    assert repr(replace(result, labels=np.zeros_like(result.labels))) == "<Result: my_ct, 0 of 2 organs found>"


def test_it_can_be_made_of_labels_that_one_has(tiny_bundle):
    volume = Volume(body(), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))
    labels = np.where(body() == 150, LIVER, 0).astype(np.uint8)
    result = Result(volume, labels, load_model(tiny_bundle), SegmentOptions(organs="liver"))
    assert [row.voxels for row in result.table] == [LIVER_VOXELS]
