"""NRRD files that do not say how large their voxels are."""

import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.nrrd import check_nrrd

HEADER = b"NRRD0004\n# comment\ntype: short\ndimension: 3\nsizes: 6 5 4\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.nrrd"


@pytest.mark.parametrize("line", [b"space directions: (1,0,0) (0,1,0) (0,0,2)", b"spacings: 1 1 2.5",
                                  b"space directions: none (1,0,0) (0,1,0) (0,0,2)", b"Spacings: 1 1 0"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_file_with_a_spacing_passes(path, line, end):
    path.write_bytes((HEADER + line + b"\n\n").replace(b"\n", end))
    check_nrrd(path)


@pytest.mark.parametrize("line", [b"", b"spacings: 1 1 NaN\n", b"space directions: none none none\n"])
def test_a_file_without_a_spacing_is_refused(path, line):
    path.write_bytes(HEADER + line + b"\n")
    with pytest.raises(InputError, match=r"scan\.nrrd has no spacing"):
        check_nrrd(path)


def test_a_spacing_among_the_voxels_does_not_count(path):
    path.write_bytes(HEADER + b"\nspacings: 1 1 1\n")
    with pytest.raises(InputError, match="no spacing"):
        check_nrrd(path)


def test_other_files_are_left_to_the_reader(path):
    path.write_bytes(b"hello")
    check_nrrd(path)


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        check_nrrd(tmp_path)
