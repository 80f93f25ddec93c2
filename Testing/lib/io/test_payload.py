"""Voxels of a file are all there and whole, and there are no more of them than the header says."""

import gzip
import io
import os
import zlib
from pathlib import Path

import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.payload import check_compressed, check_is_file, check_raw, file_of_voxels

PATH, VOXELS = Path("some", "scan.nrrd"), os.urandom(3000)


def refuses(message, check, data, *arguments):
    with pytest.raises(InputError, match=message) as caught:
        check(PATH, io.BytesIO(data), *arguments)
    assert str(caught.value).startswith(str(PATH))


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_compressed_voxels_are_counted_and_their_checksum_compared(pack):
    check_compressed(PATH, io.BytesIO(pack(VOXELS)), 3000)
    refuses("3,000 of 3,001 bytes", check_compressed, pack(VOXELS), 3001)
    refuses("more voxels than its header says", check_compressed, pack(VOXELS), 1000)
    for at in (5, 2000, -1):
        data = bytearray(pack(VOXELS))
        data[at] ^= 16
        if at > 0 or pack is zlib.compress:
            refuses("damaged|truncated", check_compressed, bytes(data[:-1]), 3000)
    refuses("damaged or truncated", check_compressed, pack(VOXELS)[:-1], 3000)
    refuses("damaged or truncated", check_compressed, b"", 3000)


def test_a_damaged_stream_that_unpacks_to_a_few_more_bytes_is_refused():
    whole = zlib.compressobj(0)
    data = whole.compress(VOXELS + b"more") + whole.flush()
    refuses("damaged or truncated", check_compressed, data[:-4], 3000)


def test_padding_after_the_voxels_passes():
    check_compressed(PATH, io.BytesIO(gzip.compress(VOXELS) + bytes(3_000_000)), 3000)
    check_raw(PATH, io.BytesIO(VOXELS + bytes(512)), 3000)
    refuses("more voxels", check_raw, VOXELS + bytes(513), 3000)
    refuses("2,999 of 3,000", check_raw, VOXELS[:-1], 3000)


def test_what_lies_before_the_voxels_does_not_count():
    check_raw(PATH, io.BytesIO(b"skip" + VOXELS), 3000, 4)
    check_raw(PATH, io.BytesIO(bytes(9999) + VOXELS), 3000, -1)
    refuses("truncated", check_raw, VOXELS, 3000, 4)
    refuses("truncated", check_raw, VOXELS, 3001, -1)


def test_pipes_and_missing_files_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    check_is_file(tmp_path / "file")
    for name, message in (("pipe", "no regular file"), ("gone", "cannot be read")):
        with pytest.raises(InputError, match=f"{name} .*{message}"):
            check_is_file(tmp_path / name)


def test_a_header_names_one_file_that_is_there(tmp_path):
    header = tmp_path / "scan.nhdr"
    (tmp_path / "my voxels.raw").touch()
    assert file_of_voxels(header, "my voxels.raw") == tmp_path / "my voxels.raw"
    for name, message in (("LIST", "several files"), ("v%d.raw 1 2 1", "several files"), ("gone.raw", "is not there")):
        with pytest.raises(InputError, match=rf"scan\.nhdr .*{message}"):
            file_of_voxels(header, name)
