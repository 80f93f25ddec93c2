"""DICOM folders, made with GDCM's writer from a few small slices, and one real series."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.dicom.folder import read_dicom_folder
from Testing.lib.dicom_files import slice_values, write_series, write_slice

REAL = Path(__file__).parents[5] / "shared" / "ct" / "acrin_flt_breast_001"


def refuses(folder, *words):
    with pytest.raises(InputError) as caught:
        read_dicom_folder(folder)
    message = str(caught.value)
    for word in (str(folder), *words):
        assert word in message
    assert "\n" not in message
    assert "SECRET" not in message
    return message


def test_a_series_is_read_in_spatial_order_with_its_geometry(tmp_path):
    volume = read_dicom_folder(write_series(tmp_path / "ü scan"))
    np.testing.assert_array_equal(volume.voxels, np.stack([slice_values(k) for k in range(6)]))
    assert volume.spacing_mm == pytest.approx((0.7, 0.9, 2.5))
    assert volume.origin_mm == pytest.approx((-10, -20, 30))
    np.testing.assert_allclose(volume.direction, np.eye(3))


def test_each_slice_gets_its_own_rescale(tmp_path):
    series = write_series(tmp_path / "scan", slices=2)
    write_slice(series / "x.dcm", 2, (-10, -20, 35), intercept=-1000, slope=0.5)
    volume = read_dicom_folder(series)
    np.testing.assert_array_equal(volume.voxels[2], slice_values(2))


def test_half_units_of_a_fractional_rescale_are_kept(tmp_path):
    write_slice(tmp_path / "a", 0, (0, 0, 0), slope=0.5, values=slice_values(0) + 0.5, **{"0018|0050": "5"})
    assert read_dicom_folder(tmp_path).voxels[0, 0, 0] == -999.5


def test_a_sagittal_series_keeps_its_orientation(tmp_path):
    for k in range(3):
        write_slice(tmp_path / f"{k}", k, (40 - 3 * k, 0, 0), axes=((0, 1, 0), (0, 0, -1)))
    volume = read_dicom_folder(tmp_path)
    # Row axis to posterior, column axis to inferior: the normal P x I points to the right.
    np.testing.assert_allclose(volume.direction, [[0, 0, -1], [1, 0, 0], [0, -1, 0]])
    assert volume.origin_mm == (40, 0, 0)
    np.testing.assert_array_equal(volume.voxels[2], slice_values(2))


def test_one_slice_takes_its_thickness_as_spacing(tmp_path):
    write_slice(tmp_path / "a", 0, (0, 0, 0), **{"0018|0050": "4.0"})
    assert read_dicom_folder(tmp_path).spacing_mm[2] == 4.0


def test_one_slice_without_thickness_is_refused(tmp_path):
    write_slice(tmp_path / "a", 0, (0, 0, 0))
    refuses(tmp_path, "without a slice thickness")


def test_other_files_and_subfolders_are_ignored(tmp_path):
    series = write_series(tmp_path / "scan")
    (series / "notes.txt").write_text("hello")
    (series / "empty").touch()
    (series / "._a99.dcm").write_bytes(b"another program's")
    write_series(series / "other", series=2)
    assert read_dicom_folder(series).voxels.shape == (6, 4, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_a_slice_whose_name_is_no_utf_8_is_refused_and_another_such_file_ignored(tmp_path):
    series = write_series(tmp_path / "scan")
    odd = os.fsencode(series) + b"/B\xe4uche"
    with open(odd, "w") as file:
        file.write("notes")
    assert read_dicom_folder(series).voxels.shape == (6, 4, 5)
    shutil.move(series / "a94.dcm", odd)  # the topmost one, which nobody would miss
    refuses(series, "no UTF-8 in its name; rename it")


def test_positions_rounded_to_a_tenth_are_no_missing_slices(tmp_path):
    for k in range(9):
        write_slice(tmp_path / str(k), k, (0, 0, round(0.625 * k, 1)))
    assert read_dicom_folder(tmp_path).spacing_mm[2] == pytest.approx(5 / 8)


@pytest.mark.parametrize("content", [None, "text"])
def test_a_folder_without_images_is_refused(tmp_path, content):
    if content:
        (tmp_path / "notes.txt").write_text(content)
    refuses(tmp_path, "no DICOM images")


def test_two_series_are_refused_and_listed(tmp_path):
    series = write_series(tmp_path / "scan", slices=3)
    write_series(series, slices=2, series=4, prefix="b")
    refuses(series, "2 DICOM series", "series 1 (CT, 3 images)", "series 4 (CT, 2 images)", "one CT series")


def test_what_can_be_no_part_of_the_scan_is_passed_over(tmp_path):
    series = write_series(tmp_path / "scan")
    write_series(series, slices=2, series=4, prefix="b", modality="PT")
    write_slice(series / "scout", 0, (0, 0, 100), image_type="ORIGINAL\\PRIMARY\\LOCALIZER")
    write_slice(series / "unmarked scout", 0, (0, 0, 100), axes=((1, 0, 0), (0, 0, -1)))
    np.testing.assert_array_equal(read_dicom_folder(series).voxels, np.stack([slice_values(k) for k in range(6)]))


def test_what_is_named_is_read_or_refused_and_never_passed_over(tmp_path):
    series = write_series(tmp_path / "scan")
    write_slice(series / "scout", 0, (0, 0, 100), image_type="ORIGINAL\\PRIMARY\\LOCALIZER")
    names = [path.name for path in series.iterdir()]
    with pytest.raises(InputError, match="localizers, 1 images"):
        read_dicom_folder(series, names)
    assert read_dicom_folder(series, [name for name in names if name != "scout"]).voxels.shape == (6, 4, 5)


def test_another_modality_is_refused_by_name(tmp_path):
    refuses(write_series(tmp_path / "scan", modality="MR"), "no slices of a CT", "of modality MR")


@pytest.mark.parametrize("gone, missing", [([2], 1), ([2, 3], 2)])
def test_missing_slices_are_counted_and_located(tmp_path, gone, missing):
    series = write_series(tmp_path / "scan", slices=8)
    for k in gone:
        (series / f"a{99 - k}.dcm").unlink()
    place = f"between 32.50 and {35 + 2.5 * missing:.2f} mm"
    refuses(series, f"about {missing} slices missing", "2.5 mm apart", place)


def test_irregular_distances_are_refused(tmp_path):
    for k, z in enumerate((0, 3, 6, 8, 11)):
        write_slice(tmp_path / str(k), k, (0, 0, z))
    refuses(tmp_path, "irregular slice distances", "between 6.00 and 8.00 mm")


def test_another_slice_at_the_same_place_is_refused_and_a_copy_of_the_file_counts_once(tmp_path):
    series = write_series(tmp_path / "scan")
    shutil.copy(series / "a97.dcm", series / "copy.dcm")
    assert read_dicom_folder(series).voxels.shape == (6, 4, 5)
    write_slice(series / "other.dcm", 5, (-10, -20, 35))
    refuses(series, "1 slices at the place of another one", "a97.dcm and other.dcm at 35.00 mm")


def test_slices_of_different_size_are_refused(tmp_path):
    series = write_series(tmp_path / "scan")
    write_slice(series / "big", 0, (-10, -20, 45), values=slice_values(0, 8, 8))
    refuses(series, "1 of 7 images (first: big) of another size than the 5 x 4 pixels")


def test_a_gantry_tilt_is_refused_with_its_angle(tmp_path):
    for k in range(5):
        write_slice(tmp_path / str(k), k, (0, 2 * np.tan(np.radians(15)) * k, 2 * k))
    refuses(tmp_path, "gantry tilt of 15.0 degrees")


def test_a_missing_pixel_spacing_is_refused(tmp_path):
    series = write_series(tmp_path / "scan")
    for path in series.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\x28\x00\x30\x00", b"\x28\x00\x31\x00"))
    refuses(series, "6 of 6 images", "without a usable PixelSpacing")


def test_positions_that_are_no_numbers_are_refused(tmp_path):
    series = write_series(tmp_path / "scan")
    path = series / "a99.dcm"
    path.write_bytes(path.read_bytes().replace(b"-10\\-20\\30", b"-10\\-2x\\30"))
    refuses(series, "1 of 6 images (first: a99.dcm) without a usable ImagePositionPatient")


def test_multi_frame_files_are_refused_with_a_remedy(tmp_path):
    image = sitk.GetImageFromArray(np.stack([slice_values(k) for k in range(3)]))
    image.SetMetaData("0008|0060", "CT")
    sitk.WriteImage(image, str(tmp_path / "a.dcm"))
    refuses(tmp_path, "multi-frame DICOM", "NIfTI")


def test_a_truncated_slice_is_named(tmp_path):
    series = write_series(tmp_path / "scan")
    path = series / "a99.dcm"
    path.write_bytes(path.read_bytes()[:-20])
    assert str(path) in refuses(series, "damaged or truncated")


@pytest.mark.skipif(not REAL.exists(), reason="shared/ct is absent")
def test_a_real_series_is_read():
    volume = read_dicom_folder(REAL)
    assert volume.voxels.shape == (56, 512, 512)
    assert volume.spacing_mm == pytest.approx((0.976562, 0.976562, 4.25))
    assert volume.origin_mm == (-250, -250, -663.5)
    # Air outside the patient, and a body that fills a good part of the middle slice.
    assert np.median(volume.voxels[28, :40]) < -900
    assert 0.2 < (volume.voxels[28] > -200).mean() < 0.6


@pytest.mark.skipif(not REAL.exists(), reason="shared/ct is absent")
def test_a_real_series_without_two_slices_is_refused(tmp_path):
    volume = read_dicom_folder(REAL)
    wanted = volume.origin_mm[2] + 4.25 * 10
    for path in REAL.iterdir():
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        if abs(float(reader.GetMetaData("0020|0032").split("\\")[2]) - wanted) > 5:
            shutil.copy(path, tmp_path)
    refuses(tmp_path, "about 3 slices missing", "4.25 mm apart", f"between {wanted - 8.5:.2f}")
