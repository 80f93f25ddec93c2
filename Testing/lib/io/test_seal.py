"""What ITK has read is believed where the checksum of the file fits it; else each byte is looked at."""

import gzip
import struct
from unittest import mock

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io import nifti, nrrd, payload
from MISTKDSegmentLib.io.reading import read_label_map, read_volume
from Testing.lib.made_up_abdomen import phantom

KINDS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
I_MM, J_MM, K_MM = 4.0, 4.0, 6.0
NIFTI_CODES = dict(zip(KINDS, (2, 256, 512, 4, 768, 8, 1280, 1024, 16, 64)))
NRRD_NAMES = dict(zip(KINDS, ("uchar", "int8", "ushort", "short", "uint", "int", "uint64", "int64", "float",
                              "double")))


def nifti_bytes(voxels, order, more_axes=(), slope=(1.0, 0.0), gap=0):
    sizes = [*voxels.shape[::-1], *more_axes]
    head = bytearray(352 + gap)
    for offset, kind, *values in (
            (0, "i", 348), (40, "8h", len(sizes), *sizes, *[1] * (7 - len(sizes))),
            (70, "h", NIFTI_CODES[voxels.dtype.str[1:]]), (72, "h", 8 * voxels.itemsize),
            (76, "8f", 1, I_MM, J_MM, K_MM, *[1.0] * 4),
            (108, "f", 352 + gap), (112, "2f", *slope), (254, "h", 1),
            (280, "12f", I_MM, 0, 0, 0, 0, J_MM, 0, 0, 0, 0, K_MM, 0)):
        struct.pack_into(order + kind, head, offset, *values)
    head[344:348] = b"n+1\0"
    return bytes(head) + voxels.astype(voxels.dtype.newbyteorder(order)).tobytes()


def nrrd_head(voxels, order, lines=b""):
    i, j, k = voxels.shape[::-1]
    return (f"NRRD0004\ntype: {NRRD_NAMES[voxels.dtype.str[1:]]}\ndimension: 3\nsizes: {i} {j} {k}\n"
            f"endian: {'big' if order == '>' else 'little'}\nencoding: gzip\nspace: left-posterior-superior\n"
            f"space directions: ({I_MM},0,0) (0,{J_MM},0) (0,0,{K_MM})\n").encode() + lines + b"\n"


def abdomen():
    return phantom()[0].voxels.astype(np.int16)


@st.composite
def label_maps(draw):
    shape = draw(st.tuples(*[st.integers(2, 9)] * 3))
    kind = np.dtype(draw(st.sampled_from(KINDS)))
    return np.random.default_rng(draw(st.integers(0, 99))).integers(0, 100, shape).astype(kind)


def no_second_look(module):
    return mock.patch.object(module, "_check_voxels", side_effect=AssertionError("decompressed twice"))


everywhere = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@everywhere
@given(label_maps(), st.sampled_from("<>"), st.sampled_from([(), (1,), (1, 1)]), st.integers(0, 40),
       st.sampled_from([(1.0, 0.0), (0.0, 0.0), (float("nan"), float("nan"))]))
def test_a_nifti_is_decompressed_once(tmp_path, voxels, order, more_axes, gap, slope):
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(nifti_bytes(voxels, order, more_axes, slope, gap)))
    with no_second_look(nifti):
        np.testing.assert_array_equal(read_label_map(tmp_path / "scan.nii.gz").voxels, voxels)


@everywhere
@given(label_maps(), st.sampled_from("<>"))
def test_a_nrrd_is_decompressed_once(tmp_path, voxels, order):
    packed = gzip.compress(voxels.astype(voxels.dtype.newbyteorder(order)).tobytes())
    (tmp_path / "scan.nrrd").write_bytes(nrrd_head(voxels, order) + packed)
    (tmp_path / "voxels.gz").write_bytes(packed)
    (tmp_path / "scan.nhdr").write_bytes(nrrd_head(voxels, order, b"data file: voxels.gz\n"))
    with no_second_look(nrrd):
        for name in ("scan.nrrd", "scan.nhdr"):
            np.testing.assert_array_equal(read_label_map(tmp_path / name).voxels, voxels)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("slope", [(1.0, -1024.0), (0.5, 0.0), (0.0, -1024.0)])
def test_scaled_voxels_are_looked_at_byte_by_byte(tmp_path, order, slope):
    scale, shift = slope if slope[0] else (1.0, 0.0)
    stored = np.round((abdomen() - shift) / scale).astype(np.int16)
    packed = gzip.compress(nifti_bytes(stored, order, (), slope))
    (tmp_path / "scan.nii.gz").write_bytes(packed)
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.nii.gz").voxels, stored * scale + shift)
    (tmp_path / "scan.nii.gz").write_bytes(packed[:-8] + b"abcd" + packed[-4:])
    with pytest.raises(InputError, match="damaged"):
        read_volume(tmp_path / "scan.nii.gz")


@pytest.mark.parametrize("head", ["nifti", "nrrd"])
@pytest.mark.parametrize("packed", [
    lambda data: gzip.compress(data[:500]) + gzip.compress(data[500:]),
    lambda data: gzip.compress(data) + bytes(700),
    lambda data: gzip.compress(data + bytes(300)),
], ids=["two members", "zeros behind", "zeros within"])
def test_unusual_files_that_are_whole_are_read(tmp_path, head, packed):
    voxels = abdomen()
    if head == "nifti":
        path, data = tmp_path / "scan.nii.gz", packed(nifti_bytes(voxels, "<"))
    else:
        path, data = tmp_path / "scan.nrrd", nrrd_head(voxels, "<") + packed(voxels.tobytes())
    path.write_bytes(data)
    np.testing.assert_array_equal(read_volume(path).voxels, voxels)


def with_end(data, crc=None, length=None):
    return data[:-8] + (crc or data[-8:-4]) + (length or data[-4:])


@pytest.mark.parametrize("change, message", [
    (lambda data: with_end(data, crc=b"abcd"), "damaged"),
    (lambda data: with_end(data, length=b"abcd"), "damaged"),
    (lambda data: data[:200] + bytes([data[200] ^ 255]) + data[201:], "damaged"),
    (lambda data: data[:-400] + data[-8:], "damaged|truncated"),
], ids=["checksum", "length", "a byte", "cut out"])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_a_file_whose_checksum_does_not_fit_is_refused(tmp_path, capfd, suffix, change, message):
    path, voxels = tmp_path / f"scan{suffix}", abdomen()
    if suffix == ".nrrd":
        path.write_bytes(nrrd_head(voxels, "<") + change(gzip.compress(voxels.tobytes())))
    else:
        path.write_bytes(change(gzip.compress(nifti_bytes(voxels, "<"))))
    with pytest.raises(InputError, match=message):
        read_volume(path)
    assert capfd.readouterr() == ("", "")


def test_no_numbers_are_no_zeros(tmp_path):
    voxels = abdomen().astype(np.float32)
    voxels[1, 2, 3] = np.nan
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(nifti_bytes(voxels, "<")))
    with pytest.raises(InputError, match="1 voxels that are not numbers"):
        read_volume(tmp_path / "scan.nii.gz")


def test_a_header_that_claims_too_much_is_refused_before_memory_is_asked_for(tmp_path):
    data = bytearray(nifti_bytes(abdomen(), "<"))
    struct.pack_into("<3h", data, 42, 32000, 32000, 32000)
    (tmp_path / "scan.nii.gz").write_bytes(gzip.compress(bytes(data)))
    with mock.patch.object(sitk, "ImageFileReader", side_effect=AssertionError("read")), \
            pytest.raises(InputError, match="truncated"):
        read_volume(tmp_path / "scan.nii.gz")


@pytest.mark.parametrize("other", [np.arange(6, dtype=np.int32), np.arange(5, dtype=np.int16),
                                   np.arange(1, 7, dtype=np.int16)], ids=["type", "number", "values"])
def test_a_seal_fits_no_other_voxels(tmp_path, other):
    voxels = np.arange(6, dtype=np.int16)
    (tmp_path / "voxels.gz").write_bytes(gzip.compress(b"before" + voxels.tobytes()))
    seal = payload.GzipSeal(tmp_path / "voxels.gz", b"before", np.dtype("<i2"), 12)
    assert seal.has_length() and seal.fits(voxels.reshape(1, 2, 3)) and seal.fits(voxels.astype(">i2"))
    assert not seal.fits(other)
