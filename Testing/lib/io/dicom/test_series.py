"""Telling DICOM series in a folder apart."""

import shutil

import pytest

from MISTKDSegmentLib.io.dicom.series import (
    CAPTURES,
    COPIES,
    LOCALIZER,
    NO_IMAGES,
    NOT_AXIAL,
    OTHER_CLASS,
    find_series,
)
from Testing.lib.dicom_files import change, write_slice
from Testing.lib.small_scans import write_ct_series

SAGITTAL = ((0, 1, 0), (0, 0, -1))
TILTED = ((1, 0, 0), (0, 0.9397, 0.3420))  # by 20 degrees
CLASSES = "1.2.840.10008.5.1.4.1.1."


def series_in(folder):
    return find_series(folder.iterdir())


def names(series):
    return tuple(path.name for path in series.files)


def announced(path, sop_class, *more):
    """The start of a file that says its class, and then nothing that can be read."""
    elements = b"".join(tag + b"UI" + len(uid).to_bytes(2, "little") + uid.encode()
                        for tag, uid in ((b"\x02\0\x02\0", sop_class), *more) if uid)
    path.write_bytes(bytes(128) + b"DICM" + elements + bytes(99))


def test_series_in_one_folder_are_told_apart(tmp_path):
    write_ct_series(tmp_path, number=2)
    write_ct_series(tmp_path, number=3, slices=2)
    assert [(one.number, one.fault) for one in series_in(tmp_path)] == [("2", ""), ("3", "")]
    assert [names(one) for one in series_in(tmp_path)] == [tuple(f"s2-{k}.dcm" for k in range(8)),
                                                           ("s3-0.dcm", "s3-1.dcm")]


def test_localizers_are_told_from_the_slices_of_their_series(tmp_path):
    write_ct_series(tmp_path, slices=3)
    write_slice(tmp_path / "topogram.dcm", 0, (0, 0, 0), image_type="ORIGINAL\\PRIMARY\\LOCALIZER", axes=SAGITTAL)
    assert [(one.fault, len(one.files)) for one in series_in(tmp_path)] == [("", 3), (LOCALIZER, 1)]


@pytest.mark.parametrize(("options", "fault"), [
    ({"modality": "MR"}, "of modality MR"), ({"modality": "PT"}, "of modality PT"), ({"axes": SAGITTAL}, NOT_AXIAL),
    ({"axes": TILTED}, ""), ({"0028|1054": "MGML"}, "not in HU but in MGML"), ({"0028|1054": "HU"}, ""),
    ({"image_type": "DERIVED\\SECONDARY\\AXIAL\\CT_SOM5 MIP"}, "computed, not scanned (MIP in their ImageType)"),
    ({"image_type": "DERIVED\\PRIMARY\\AXIAL\\MAT_SPECIFIC"},
     "computed, not scanned (MAT_SPECIFIC in their ImageType)"),
    ({"image_type": "DERIVED\\SECONDARY\\REFORMATTED\\AVERAGE"}, "")])
def test_what_is_no_axial_ct_in_hu_has_a_fault(tmp_path, options, fault):
    write_ct_series(tmp_path, slices=2, **options)
    assert [one.fault for one in series_in(tmp_path)] == [fault]


@pytest.mark.parametrize(("kind", "fault"), [("7", CAPTURES), ("7.2", CAPTURES), ("2", ""), ("2.1", ""),
                                             ("20", OTHER_CLASS)])
def test_the_sop_class_says_what_is_a_ct(tmp_path, kind, fault):
    """Secondary capture, CT, enhanced CT and nuclear medicine, all of modality CT and without a place."""
    pytest.importorskip("pydicom")
    write_ct_series(tmp_path, slices=1)
    change(tmp_path / "s1-0.dcm", SOPClassUID=CLASSES + kind, ImageOrientationPatient=None, ImagePositionPatient=None)
    assert [one.fault for one in series_in(tmp_path)] == [fault]


def test_a_damaged_file_belongs_to_every_series_in_its_folder_so_that_none_is_read_without_it(tmp_path):
    write_ct_series(tmp_path, slices=2)
    announced(tmp_path / "damaged", CLASSES + "2")
    assert [names(one) for one in series_in(tmp_path)] == [("s1-0.dcm", "s1-1.dcm", "damaged")]


def test_a_damaged_file_that_still_tells_its_series_belongs_to_that_one_alone(tmp_path):
    write_ct_series(tmp_path, number=2, slices=2)
    write_ct_series(tmp_path, number=3, slices=2)
    lost = (tmp_path / "s3-0.dcm").read_bytes()
    (tmp_path / "s3-0.dcm").write_bytes(lost[:-100])
    assert [names(one) for one in series_in(tmp_path)] == [("s2-0.dcm", "s2-1.dcm"), ("s3-1.dcm", "s3-0.dcm")]


@pytest.mark.parametrize("name", ["s1-2.dcm", "s1-12.dcm", "other.dcm", "s1-2.dcm.gz", "x.IMA.part"])
@pytest.mark.parametrize("content", [b"", b"no DICOM"])
def test_what_is_named_like_a_slice_and_is_none_belongs_to_the_series(tmp_path, name, content):
    write_ct_series(tmp_path, slices=2)
    (tmp_path / name).write_bytes(content)
    assert [names(one) for one in series_in(tmp_path)] == [("s1-0.dcm", "s1-1.dcm", name)]


@pytest.mark.parametrize("name", ["empty", "notes.txt", "s1-0.dcm.json", "s1-0.png", "Thumbs.db"])
def test_other_files_are_passed_over(tmp_path, name):
    write_ct_series(tmp_path, slices=2)
    (tmp_path / name).write_bytes(b"notes")
    assert [names(one) for one in series_in(tmp_path)] == [("s1-0.dcm", "s1-1.dcm")]


@pytest.mark.parametrize(("kind", "fault"), [
    (CLASSES + "481.3", NO_IMAGES), (CLASSES + "88.33", NO_IMAGES), (CLASSES + "2", ""), (CLASSES + "2.1", ""),
    ("", "")])
def test_contours_and_reports_hold_no_images_and_what_may_be_a_damaged_ct_is_to_be_read(tmp_path, kind, fault):
    announced(tmp_path / "only.dcm", kind)
    assert [(one.fault, names(one)) for one in series_in(tmp_path)] == [(fault, ("only.dcm",))]


@pytest.mark.parametrize(("kind", "faults"), [("2", [LOCALIZER, ""]), ("88.33", [LOCALIZER])])
def test_a_ct_of_which_the_localizer_alone_can_be_read_is_to_be_read(tmp_path, kind, faults):
    write_slice(tmp_path / "topogram.dcm", 0, (0, 0, 0), image_type="ORIGINAL\\PRIMARY\\LOCALIZER", axes=SAGITTAL)
    announced(tmp_path / "other.dcm", CLASSES + kind)
    assert [one.fault for one in series_in(tmp_path)] == faults


@pytest.mark.parametrize("name", ["DIRFILE", "index.dcm", "0001"])
def test_the_index_of_a_disc_is_passed_over_under_any_name(tmp_path, name):
    announced(tmp_path / name, "1.2.840.10008.1.3.10")
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + bytes(100))
    assert series_in(tmp_path) == []


def test_patients_under_one_uid_are_never_mixed(tmp_path):
    pytest.importorskip("pydicom")
    write_ct_series(tmp_path, slices=6)
    for k in range(3, 6):
        change(tmp_path / f"s1-{k}.dcm", PatientID="another")
    assert [len(one.files) for one in series_in(tmp_path)] == [3, 3]


def test_copies_of_a_part_of_a_series_are_left_out(tmp_path):
    write_ct_series(tmp_path / "whole", slices=4)
    (tmp_path / "keys").mkdir()
    shutil.copy(tmp_path / "whole" / "s1-2.dcm", tmp_path / "keys")
    found = find_series(tmp_path.rglob("*"))
    assert [(one.fault, len(one.files)) for one in found] == [("", 4), (COPIES, 1)]
