"""MetaImage files that ITK would misread: no spacing, broken checksums, sizes that do not fit the voxels."""

import os
import time
import zlib

import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.metaimage import check_metaimage

VOXELS = bytes(range(240))  # 120 of two bytes
FIELDS = {"ObjectType": "Image", "NDims": "3", "BinaryData": "True", "CompressedData": "False",
          "ElementSpacing": "1 1 2", "TransformMatrix": "1 0 0 0 1 0 0 0 1", "DimSize": "6 5 4",
          "ElementType": "MET_SHORT", "0008|0060": "CT", "ElementDataFile": "LOCAL"}
PACKED = zlib.compress(VOXELS)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.mha"


def content(voxels=VOXELS, separator=" = ", end="\n", **changes):
    fields = {**FIELDS, **changes, "ElementDataFile": changes.get("ElementDataFile", "LOCAL")}
    lines = [f"{key}{separator}{value}{end}" for key, value in fields.items() if value is not None]
    last = [line for line in lines if line.startswith("ElementDataFile")]
    return "".join([line for line in lines if line not in last] + last).encode() + voxels


def compressed(voxels=PACKED, **changes):
    return content(voxels, **{"CompressedData": "True", "CompressedDataSize": str(len(voxels)), **changes})


def passes(path, data):
    path.write_bytes(data)
    check_metaimage(path).check()


def refuses(path, data, message):
    with pytest.raises(InputError, match=message) as caught:
        passes(path, data)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("separator, end", [(" = ", "\n"), ("=", "\r\n"), (" : ", "\n")])
def test_a_good_file_passes(path, separator, end):
    passes(path, content(separator=separator, end=end))
    passes(path, compressed(separator=separator, end=end))


def test_voxels_as_text_are_refused(path):
    refuses(path, content(b" ".join([b"-1000"] * 120), BinaryData="False"), "as text")


@pytest.mark.parametrize("line", [b" " * 100_000, b"a" + b"\t" * 100_000 + b"b"])
def test_endless_lines_are_refused_at_once(path, line):
    began = time.monotonic()
    refuses(path, line + b"\n" + content(), "damaged")
    assert time.monotonic() - began < 5  # and not the days of a search that goes back and forth


def test_the_compressed_size_may_be_left_out(path):
    passes(path, compressed(CompressedDataSize=None))


def test_a_file_without_a_spacing_is_refused(path):
    refuses(path, content(ElementSpacing=None), "no spacing in its header")


def test_the_size_of_an_element_stands_in_for_its_spacing(path):
    passes(path, content(ElementSpacing=None, ElementSize="1 1 2"))


@pytest.mark.parametrize("data", [VOXELS[:-1], VOXELS * 4])
def test_too_few_and_too_many_voxels_are_refused(path, data):
    message = "239 of 240 bytes" if len(data) < 240 else "more voxels than its header says"
    refuses(path, content(data), message)
    refuses(path, compressed(zlib.compress(data)), message)


@pytest.mark.parametrize("place", [-1, -4, 10])
def test_a_compressed_file_whose_checksum_fails_is_refused(path, place):
    packed = bytearray(zlib.compress(VOXELS, 0))
    packed[place] ^= 1
    refuses(path, compressed(bytes(packed)), "damaged or truncated")


@pytest.mark.parametrize("size", ["0", "-1", "9999", "99999999999999999999", "1e3", ""])
def test_a_compressed_size_that_the_file_does_not_have_is_refused(path, size):
    refuses(path, compressed(CompressedDataSize=size), "damaged or truncated")


@pytest.mark.parametrize("changes", [
    {"DimSize": "6 5"}, {"DimSize": "6 5 4 1"}, {"DimSize": "6 5 0"}, {"DimSize": "6 5 -4"}, {"DimSize": "six"},
    {"DimSize": None}, {"NDims": None}, {"NDims": "x"}, {"ElementNumberOfChannels": "0"}, {"ElementDataFile": ""},
    {"HeaderSize": "x"}])
def test_a_damaged_header_is_refused(path, changes):
    refuses(path, content(**changes), "is damaged")


@pytest.mark.parametrize("data", [b"", b"hello", b"\n" * 999, b"NDims = 3\n" * 2, b"a = b\n" * 9, b"x" * 3_000_000,
                                  b"".join(b"k%d = v\n" % n for n in range(200_000))])
def test_other_files_are_refused(path, data):
    refuses(path, data, "is damaged")


@pytest.mark.parametrize("kind", ["MET_OTHER", "MET_", "", "MET_SHORT_ARRAY_ARRAY"])
def test_an_unknown_type_of_voxels_is_refused(path, kind):
    refuses(path, content(ElementType=kind), "unknown voxel type")


def test_sizes_beyond_all_memory_are_refused_before_anything_is_read(path):
    refuses(path, content(DimSize="99999999 99999999 99999999"), "truncated")
    refuses(path, compressed(DimSize="99999999 99999999 99999999"), "truncated")


def test_voxels_in_a_file_of_their_own_are_looked_at_there(path):
    data = content(b"", ElementDataFile="voxels.raw")
    refuses(path, data, r"voxels\.raw with its voxels is not there")
    (path.parent / "voxels.raw").write_bytes(VOXELS[:-1])
    refuses(path, data, "239 of 240")
    (path.parent / "voxels.raw").write_bytes(VOXELS)
    passes(path, data)


@pytest.mark.parametrize("size", ["7", "-1"])
def test_a_header_in_the_file_of_the_voxels_is_skipped(path, size):
    (path.parent / "voxels.raw").write_bytes(b"skipped" + VOXELS)
    passes(path, content(b"", ElementDataFile="voxels.raw", HeaderSize=size))


@pytest.mark.parametrize("name", ["LIST", "LIST 2D", "slice%03d.raw 1 4 1"])
def test_voxels_in_several_files_are_refused(path, name):
    refuses(path, content(b"", ElementDataFile=name), "several files")


@pytest.mark.parametrize("name", ["/dev/zero", "."])
def test_voxels_that_are_no_file_are_refused(path, name):
    refuses(path, content(b"", ElementDataFile=name), "is not there")


def test_a_name_of_the_voxels_that_no_file_can_have_is_refused(path):
    refuses(path, content(b"", ElementDataFile="x" * 300), "is not there")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions bind neither root nor Windows")
def test_voxels_that_may_not_be_read_are_refused(path):
    (path.parent / "voxels.raw").write_bytes(VOXELS)
    (path.parent / "voxels.raw").chmod(0)
    refuses(path, content(b"", ElementDataFile="voxels.raw"), "check the permissions")


def test_voxels_that_cannot_be_read_are_refused(path, monkeypatch):
    def refused(name, *arguments):
        if str(name).endswith(".raw"):
            raise PermissionError(13, "Permission denied", str(name))
        return open(name, *arguments)

    (path.parent / "voxels.raw").write_bytes(VOXELS)
    monkeypatch.setattr("MISTKDSegmentLib.io.metaimage.open", refused, raising=False)
    refuses(path, content(b"", ElementDataFile="voxels.raw"), r"cannot be read \(Permission denied\)")


@pytest.mark.parametrize("name", ["TransformMatrix", "Rotation", "Orientation"])
def test_each_name_of_the_direction_states_the_orientation(path, name):
    passes(path, content(**{"TransformMatrix": None, name: "1 0 0 0 1 0 0 0 1"}))


def test_an_orientation_that_nobody_states_is_refused_with_the_remedy(path):
    data = content(TransformMatrix=None, AnatomicalOrientation="RAI")
    refuses(path, data, r"does not say how its voxels lie .*TransformMatrix.*--orientation LPS")
    path.write_bytes(data)
    check_metaimage(path, orientation_is_stated=True).check()


@pytest.mark.parametrize("unit", ["cm", "um"])
def test_lengths_in_another_unit_are_refused(path, unit):
    refuses(path, content(DistanceUnits=unit), f"gives its lengths in {unit}")
    passes(path, content(DistanceUnits="mm"))
