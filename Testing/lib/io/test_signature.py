"""Files that are not what their names say are refused for the true reason, without a word on the console."""

import gzip

import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.reading import read_volume
from Testing.lib.small_scans import write_volume

FOREIGN = {
    "a zip archive": b"PK\x03\x04", "compressed with bzip2": b"BZh9", "compressed with xz": b"\xfd7zXZ\0",
    "compressed with zstd": b"\x28\xb5\x2f\xfd", "a 7z archive": b"7z\xbc\xaf", "an HDF5 file": b"\x89HDF\r\n",
    "a PNG picture": b"\x89PNG\r\n", "a JPEG picture": b"\xff\xd8\xff\xe0", "a PDF document": b"%PDF-1.7",
    "a web page or XML": b"<!DOCTYPE html>", "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1",
    "a DICOM file": bytes(128) + b"DICM",
}


def refuses(path, capfd, *words):
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert all(word in str(caught.value) for word in (str(path), *words)), caught.value
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("what", FOREIGN)
def test_other_kinds_of_file_are_named(tmp_path, capfd, what, suffix):
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(FOREIGN[what] + b"content" * 100)
    refuses(path, capfd, what)


def test_gzip_under_the_name_of_a_plain_nifti_is_told_with_the_new_name(tmp_path, capfd):
    good = write_volume(tmp_path / "scan.nii.gz")
    path = good.rename(tmp_path / "other.nii")
    refuses(path, capfd, "compressed with gzip, which its name does not say; rename it to other.nii.gz")


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nhdr"])
def test_gzip_around_a_whole_file_of_another_format_is_told(tmp_path, capfd, suffix):
    path = write_volume(tmp_path / f"scan{suffix}")
    path.write_bytes(gzip.compress(path.read_bytes()))
    refuses(path, capfd, "compressed with gzip", "unpack it first")


@pytest.mark.parametrize("real, named", [(".nrrd", ".nii"), (".mha", ".nrrd"), (".nii", ".mha"), (".nii", ".nhdr")])
def test_our_own_formats_under_each_others_names_are_told(tmp_path, capfd, real, named):
    path = write_volume(tmp_path / f"scan{real}").rename(tmp_path / f"other{named}")
    refuses(path, capfd, f"is a {real} file by its content")


@pytest.mark.parametrize("content, word", [(b"", "empty file"), (bytes(5000), "nothing but zeros")])
def test_what_a_broken_copy_leaves_is_told(tmp_path, capfd, content, word):
    path = tmp_path / "scan.nii"
    path.write_bytes(content)
    refuses(path, capfd, word, "copy it again")


def test_a_plain_nifti_under_the_name_of_a_compressed_one_is_read(tmp_path):
    path = write_volume(tmp_path / "scan.nii").rename(tmp_path / "other.nii.gz")
    assert (read_volume(path).voxels == sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).all()
