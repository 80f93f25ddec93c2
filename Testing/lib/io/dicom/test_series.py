"""Telling DICOM series in a folder apart."""

import pytest

from MISTKDSegmentLib.io.dicom.series import LOCALIZER, NO_IMAGES, NO_PLACE, NOT_AXIAL, find_series
from Testing.lib.dicom_files import write_slice
from Testing.lib.small_scans import write_ct_series

SAGITTAL = ((0, 1, 0), (0, 0, -1))
TILTED = ((1, 0, 0), (0, 0.9397, 0.3420))  # by 20 degrees


def series_in(folder):
    return find_series(folder.iterdir())


def test_series_in_one_folder_are_told_apart(tmp_path):
    write_ct_series(tmp_path, number=2)
    write_ct_series(tmp_path, number=3, slices=2)
    assert [(one.number, one.modality, one.fault) for one in series_in(tmp_path)] == [("2", "CT", ""), ("3", "CT", "")]
    assert [one.files for one in series_in(tmp_path)] == [tuple(f"s2-{k}.dcm" for k in range(8)),
                                                          ("s3-0.dcm", "s3-1.dcm")]


def test_localizers_are_told_from_the_slices_of_their_series(tmp_path):
    write_ct_series(tmp_path, slices=3)
    write_slice(tmp_path / "topogram.dcm", 0, (0, 0, 0), image_type="ORIGINAL\\PRIMARY\\LOCALIZER", axes=SAGITTAL)
    assert [(one.fault, len(one.files)) for one in series_in(tmp_path)] == [("", 3), (LOCALIZER, 1)]


@pytest.mark.parametrize(("options", "fault"), [
    ({"modality": "MR"}, "of modality MR"), ({"modality": "PT"}, "of modality PT"), ({"axes": SAGITTAL}, NOT_AXIAL),
    ({"axes": TILTED}, "")])
def test_what_is_no_axial_ct_has_a_fault(tmp_path, options, fault):
    write_ct_series(tmp_path, slices=2, **options)
    assert [one.fault for one in series_in(tmp_path)] == [fault]


@pytest.mark.parametrize(("kind", "fault"), [("7", NO_PLACE), ("2", ""), ("2.1", ""), ("20", NO_PLACE)])
def test_a_screenshot_without_a_place_in_the_patient_has_a_fault_and_a_slice_without_one_is_to_be_read(
        tmp_path, kind, fault):
    """Secondary capture, CT, enhanced CT and nuclear medicine: reading tells what the CT images lack."""
    pydicom = pytest.importorskip("pydicom")
    write_ct_series(tmp_path, slices=1)
    header = pydicom.dcmread(tmp_path / "s1-0.dcm")
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = f"1.2.840.10008.5.1.4.1.1.{kind}"
    del header.ImageOrientationPatient, header.ImagePositionPatient
    header.save_as(tmp_path / "s1-0.dcm")
    assert [one.fault for one in series_in(tmp_path)] == [fault]


def test_a_damaged_file_belongs_to_every_series_so_that_none_is_read_without_it(tmp_path):
    write_ct_series(tmp_path, slices=2)
    (tmp_path / "damaged.dcm").write_bytes((tmp_path / "s1-0.dcm").read_bytes()[:500])
    assert [one.files for one in series_in(tmp_path)] == [("s1-0.dcm", "s1-1.dcm", "damaged.dcm")]


@pytest.mark.parametrize(("kind", "fault"), [
    ("1.2.840.10008.5.1.4.1.1.481.3", NO_IMAGES), ("1.2.840.10008.5.1.4.1.1.88.33", NO_IMAGES),
    ("1.2.840.10008.5.1.4.1.1.2", ""), ("1.2.840.10008.5.1.4.1.1.2.1", ""), ("", "")])
def test_contours_and_reports_hold_no_images_and_what_may_be_a_damaged_ct_is_to_be_read(tmp_path, kind, fault):
    (tmp_path / "only.dcm").write_bytes(bytes(128) + b"DICM" + bytes(30) + kind.encode() + bytes(100))
    assert [(one.fault, one.files) for one in series_in(tmp_path)] == [(fault, ("only.dcm",))]


@pytest.mark.parametrize(("kind", "faults"), [("2", [LOCALIZER, ""]), ("88.33", [LOCALIZER])])
def test_a_ct_of_which_the_localizer_alone_can_be_read_is_to_be_read(tmp_path, kind, faults):
    write_slice(tmp_path / "topogram.dcm", 0, (0, 0, 0), image_type="ORIGINAL\\PRIMARY\\LOCALIZER", axes=SAGITTAL)
    (tmp_path / "other.dcm").write_bytes(bytes(128) + b"DICM" + f"1.2.840.10008.5.1.4.1.1.{kind}".encode() + bytes(99))
    assert [one.fault for one in series_in(tmp_path)] == faults


def test_other_files_and_the_index_of_a_disc_are_passed_over(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + bytes(100))
    assert series_in(tmp_path) == []
