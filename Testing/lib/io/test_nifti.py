"""NIfTI faults that ITK repairs or overlooks, made by patching real header bytes."""

import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.nifti import check_nifti

DIM, DATATYPE, PIXDIM, QFORM_CODE, SFORM_CODE, SFORM, MAGIC = 40, 70, 76, 252, 254, 280, 344


@pytest.fixture
def nifti(tmp_path):
    """Bytes of a good file: 6 x 5 x 4 voxels of 1 x 2 x 3 mm, with qform and sform."""
    image = sitk.GetImageFromArray(np.arange(120, dtype=np.int16).reshape(4, 5, 6))
    image.SetSpacing((1, 2, 3))
    sitk.WriteImage(image, str(tmp_path / "good.nii"))
    return (tmp_path / "good.nii").read_bytes()


def patched(data, *changes):
    data = bytearray(data)
    for offset, kind, *values in changes:
        struct.pack_into("<" + kind, data, offset, *values)
    return bytes(data)


def refuses(tmp_path, data, message, name="scan.nii"):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        check_nifti(path).check()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def accepts(tmp_path, data, name="scan.nii"):
    (tmp_path / name).write_bytes(data)
    check_nifti(tmp_path / name).check()


def test_a_good_file_passes(tmp_path, nifti):
    accepts(tmp_path, nifti)
    accepts(tmp_path, gzip.compress(nifti), "scan.nii.gz")


def test_an_uncompressed_file_passes_whatever_its_suffix_says(tmp_path, nifti):
    accepts(tmp_path, nifti, "scan.nii.gz")


def test_several_gzip_members_pass(tmp_path, nifti):
    accepts(tmp_path, gzip.compress(nifti[:400]) + gzip.compress(nifti[400:]), "scan.nii.gz")


def test_a_big_endian_file_passes(tmp_path, nifti):
    data = bytearray(nifti)
    for offset, kind, count in ((0, "i", 1), (DIM, "h", 8), (DATATYPE, "h", 2), (PIXDIM, "f", 9),
                                (QFORM_CODE, "h", 2), (256, "f", 6), (SFORM, "f", 12)):
        values = struct.unpack_from(f"<{count}{kind}", data, offset)
        struct.pack_into(f">{count}{kind}", data, offset, *values)
    accepts(tmp_path, bytes(data))


@pytest.mark.parametrize("bad", [0.0, -3.0, float("nan"), float("inf")])
@pytest.mark.parametrize("axis", [1, 3])
def test_an_impossible_spacing_is_refused(tmp_path, nifti, bad, axis):
    refuses(tmp_path, patched(nifti, (PIXDIM + 4 * axis, "f", bad)), f"spacing of .*{bad:g}")


def test_the_spacing_of_absent_axes_does_not_matter(tmp_path, nifti):
    accepts(tmp_path, patched(nifti, (PIXDIM + 16, "f", 0.0)))


@pytest.mark.parametrize("sizes", [(3, 6, 5, 0), (3, 6, -5, 4)])
def test_an_impossible_size_is_refused(tmp_path, nifti, sizes):
    refuses(tmp_path, patched(nifti, (DIM, "4h", *sizes)), "impossible size")


@pytest.mark.parametrize("axes", [0, 8, -1])
def test_an_impossible_number_of_axes_is_refused(tmp_path, nifti, axes):
    refuses(tmp_path, patched(nifti, (DIM, "h", axes)), "damaged NIfTI header")


def test_an_unknown_voxel_type_is_refused(tmp_path, nifti):
    refuses(tmp_path, patched(nifti, (DATATYPE, "h", 999)), "voxel type 999")


def test_a_sheared_sform_is_refused(tmp_path, nifti):
    refuses(tmp_path, patched(nifti, (QFORM_CODE, "h", 0), (SFORM + 4, "f", 0.5)), "not at right angles")


def test_a_zero_sform_is_refused(tmp_path, nifti):
    refuses(tmp_path, patched(nifti, (QFORM_CODE, "h", 0), (SFORM, "12f", *[0] * 12)), "not at right angles")


def test_an_sform_that_contradicts_pixdim_is_refused(tmp_path, nifti):
    sform = [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0]
    data = patched(nifti, (QFORM_CODE, "h", 0), (SFORM, "12f", *sform))
    refuses(tmp_path, data, "2 x 2 x 2 mm.*1 x 2 x 3 mm")


def test_an_sform_that_does_not_count_is_not_looked_at(tmp_path, nifti):
    accepts(tmp_path, patched(nifti, (SFORM_CODE, "h", 0), (SFORM, "12f", *[0] * 12)))


@pytest.mark.parametrize("length", [0, 3, 100, 347])
def test_a_truncated_header_is_refused(tmp_path, nifti, length):
    refuses(tmp_path, nifti[:length], "no complete NIfTI-1 header")


def test_missing_voxels_are_refused(tmp_path, nifti):
    # 352 bytes of header and extension flag, 120 voxels of 2 bytes.
    refuses(tmp_path, nifti[:-1], "239 of 240 bytes of voxels")


def test_a_truncated_compressed_file_is_refused(tmp_path, nifti):
    refuses(tmp_path, gzip.compress(nifti)[:-9], "damaged or truncated", "scan.nii.gz")


def test_a_flipped_bit_in_a_compressed_file_is_refused(tmp_path, nifti):
    data = bytearray(gzip.compress(nifti, compresslevel=0))
    data[-20] ^= 1
    refuses(tmp_path, bytes(data), "damaged or truncated", "scan.nii.gz")


def test_other_files_are_refused(tmp_path, nifti):
    refuses(tmp_path, b"hello" * 200, "no complete NIfTI-1 header")
    refuses(tmp_path, patched(nifti, (MAGIC, "4s", b"\0\0\0\0")), "no complete NIfTI-1 header")
    refuses(tmp_path, struct.pack("<i", 540) + bytes(600), "NIfTI-2")


def test_an_sform_that_contradicts_pixdim_is_refused_beside_a_qform_too(tmp_path, nifti):
    refuses(tmp_path, patched(nifti, (SFORM, "12f", *[3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3, 0])), "contradicts itself")


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), -1.0])
def test_an_impossible_start_of_the_voxels_is_refused(tmp_path, nifti, offset):
    refuses(tmp_path, patched(nifti, (108, "f", offset)), "damaged NIfTI header")


@pytest.mark.parametrize(("kind", "value"), [(np.float32, np.nan), (np.float64, -np.inf)])
@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_voxels_that_are_no_numbers_are_counted_and_refused(tmp_path, kind, value, name):
    voxels = np.zeros((3, 4, 5), kind)
    voxels[1, 2, 3] = voxels[2, 0, 0] = value
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / name))
    with pytest.raises(InputError, match="2 voxels that are not numbers"):
        check_nifti(tmp_path / name).check()


UNITS, SLOPE, QUATERN = 123, 112, 256


def test_a_file_without_orientation_is_refused_with_the_remedy(tmp_path, nifti):
    data = patched(nifti, (QFORM_CODE, "h", 0), (SFORM_CODE, "h", 0))
    refuses(tmp_path, data, r"does not say how its voxels lie .*codes? .*0.*--orientation LPS")
    check_nifti(tmp_path / "scan.nii", orientation_is_stated=True).check()


@pytest.mark.parametrize("unit", [1, 3])
def test_lengths_in_another_unit_are_refused(tmp_path, nifti, unit):
    refuses(tmp_path, patched(nifti, (UNITS, "B", unit)), "metres")


@pytest.mark.parametrize("unit", [0, 2, 10])  # unknown, mm, mm and seconds
def test_lengths_in_millimetres_pass(tmp_path, nifti, unit):
    accepts(tmp_path, patched(nifti, (UNITS, "B", unit)))


@pytest.mark.parametrize("changes", [
    ((QUATERN, "f", 0.5),),  # turned by 60 degrees about i
    ((QUATERN + 12, "f", 30.0),),  # 30 mm to the side
    ((PIXDIM, "f", -1.0),),  # k the other way
], ids=["turned", "shifted", "flipped"])
def test_qform_and_sform_that_lie_apart_are_refused(tmp_path, nifti, changes):
    both = patched(nifti, (QFORM_CODE, "h", 1), (SFORM_CODE, "h", 1))
    accepts(tmp_path, both)
    refuses(tmp_path, patched(both, *changes), "its qform and its sform lie up to .* mm apart")
    check_nifti(tmp_path / "scan.nii", orientation_is_stated=True).check()
    for code in (QFORM_CODE, SFORM_CODE):  # one of them says nothing
        accepts(tmp_path, patched(both, *changes, (code, "h", 0)))


def test_qform_and_sform_may_differ_by_rounding(tmp_path, nifti):
    sform = struct.unpack_from("<12f", nifti, SFORM)
    rounded = [round(value + 0.0004, 3) for value in sform]
    accepts(tmp_path, patched(nifti, (QFORM_CODE, "h", 1), (SFORM_CODE, "h", 1), (SFORM, "12f", *rounded)))


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
@pytest.mark.parametrize("intercept, shift", [(-1024.0, -1024.0), (0.0, 0.0), (float("nan"), 0.0)])
def test_without_a_slope_the_intercept_counts_for_nothing(tmp_path, nifti, slope, intercept, shift):
    (tmp_path / "scan.nii").write_bytes(patched(nifti, (SLOPE, "2f", slope, intercept)))
    assert check_nifti(tmp_path / "scan.nii").unwanted_shift == shift


def test_a_slope_with_an_intercept_that_is_no_number_is_refused(tmp_path, nifti):
    refuses(tmp_path, patched(nifti, (SLOPE, "2f", 1.0, float("nan"))), "its HU are unknown")
