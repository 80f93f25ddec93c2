"""NRRD files that do not say how large their voxels are, or whose voxels are damaged, missing or elsewhere."""

import gzip

import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.nrrd import check_nrrd

HEADER = b"NRRD0004\n# comment\ntype: short\ndimension: 3\nsizes: 6 5 4\nkey:=value\n"
SPACE = b"space: left-posterior-superior\n"
RAW, GZIP, SPACING = b"encoding: raw\n", b"Encoding: GZIP\n", SPACE + b"space directions: (1,0,0) (0,1,0) (0,0,2)\n"
VOXELS = bytes(range(240))  # 120 of two bytes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scan.nrrd"


@pytest.mark.parametrize("line", [b"space directions: (1,0,0) (0,1,0) (0,0,2)", b"spacings: 1 1 2.5",
                                  b"space directions: none (1,0,0) (0,1,0) (0,0,2)", b"Spacings: 1 1 0"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_file_with_a_spacing_passes(path, line, end):
    path.write_bytes((HEADER + RAW + line + b"\n\n").replace(b"\n", end) + VOXELS)
    check_nrrd(path, orientation_is_stated=True).check()


@pytest.mark.parametrize("line", [b"", b"spacings: 1 1 NaN\n", b"space directions: none none none\n"])
def test_a_file_without_a_spacing_is_refused(path, line):
    path.write_bytes(HEADER + line + b"\n")
    with pytest.raises(InputError, match=r"scan\.nrrd has no spacing"):
        check_nrrd(path).check()


def test_a_spacing_among_the_voxels_does_not_count(path):
    path.write_bytes(HEADER + RAW + b"\nspacings: 1 1 1\n" + VOXELS)
    with pytest.raises(InputError, match="no spacing"):
        check_nrrd(path).check()


@pytest.mark.parametrize("content", [b"", b"hello", b"NRRD0004\nno field\n\n", HEADER + SPACING + b"x" * 99,
                                     HEADER.replace(b"6 5 4", b"6 5 -4") + SPACING + RAW + b"\n" + VOXELS,
                                     HEADER.replace(b"6 5 4", b"six") + SPACING + RAW + b"\n" + VOXELS])
def test_a_damaged_header_is_refused(path, content):
    refuses(path, content, "is damaged")


def refuses(path, content, message):
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        check_nrrd(path).check()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_type_of_voxels_is_refused(path):
    refuses(path, HEADER.replace(b"short", b"block") + SPACING + RAW + b"\n" + VOXELS, "unknown voxel type 'block'")


@pytest.mark.parametrize("voxels, message", [(VOXELS[:-1], "239 of 240 bytes"), (VOXELS * 4, "more voxels than")])
@pytest.mark.parametrize("encoding, pack", [(RAW, bytes), (GZIP, gzip.compress)])
def test_too_few_and_too_many_voxels_are_refused(path, encoding, pack, voxels, message):
    refuses(path, HEADER + SPACING + encoding + b"\n" + pack(voxels), message)


@pytest.mark.parametrize("place", [-1, -5, -8, 15])
def test_a_compressed_file_whose_checksum_fails_is_refused(path, place):
    packed = bytearray(gzip.compress(VOXELS, compresslevel=0))
    packed[place] ^= 1
    refuses(path, HEADER + SPACING + GZIP + b"\n" + packed, "damaged or truncated")


@pytest.mark.parametrize("length", [0, 5, -8, -1])
def test_a_truncated_compressed_file_is_refused(path, length):
    refuses(path, HEADER + SPACING + GZIP + b"\n" + gzip.compress(VOXELS)[:length], "truncated")


def test_a_whole_compressed_file_passes_in_one_piece_or_several(path):
    for packed in (gzip.compress(VOXELS), gzip.compress(VOXELS[:7]) + gzip.compress(VOXELS[7:])):
        path.write_bytes(HEADER + SPACING + GZIP + b"\n" + packed)
        check_nrrd(path).check()


@pytest.mark.parametrize("skip", [b"byte skip: 3\n", b"byte skip: -1\n", b"line skip: 1\n", b"byteskip: 3\n"])
def test_what_is_to_be_skipped_is_no_voxel(path, skip):
    path.write_bytes(HEADER + SPACING + RAW + skip + b"\n" + b"ab\n" + VOXELS)
    check_nrrd(path).check()


@pytest.mark.parametrize("encoding, voxels", [(b"ascii", b"1 " * 120), (b"hex", b"00" * 240)])
def test_voxels_as_text_pass_and_sizes_beyond_the_file_are_refused(path, encoding, voxels):
    content = HEADER + SPACING + b"encoding: " + encoding + b"\n\n" + voxels
    path.write_bytes(content)
    check_nrrd(path).check()
    path.write_bytes(content.replace(b"6 5 4", b"6 5 40") + voxels * 9)
    check_nrrd(path).check()
    refuses(path, content.replace(b"6 5 4", b"60000 50000 40000"), "truncated")


@pytest.mark.parametrize("field", [b"data file", b"datafile"])
def test_voxels_in_a_file_of_their_own_are_looked_at_there(path, field):
    content = HEADER + SPACING + RAW + field + b": voxels.raw\n"
    refuses(path, content, r"voxels\.raw with its voxels is not there")
    (path.parent / "voxels.raw").write_bytes(VOXELS[:-1])
    refuses(path, content, "239 of 240")
    (path.parent / "voxels.raw").write_bytes(VOXELS)
    check_nrrd(path).check()


@pytest.mark.parametrize("name", [b"LIST", b"slice%03d.raw 1 4 1"])
def test_voxels_in_several_files_are_refused(path, name):
    refuses(path, HEADER + SPACING + RAW + b"data file: " + name + b"\n", "several files")


@pytest.mark.parametrize("name", [b"/dev/zero", b"."])
def test_voxels_that_are_no_file_are_refused(path, name):
    refuses(path, HEADER + SPACING + RAW + b"data file: " + name + b"\n", "is not there")


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        check_nrrd(tmp_path).check()


@pytest.mark.parametrize("space", ["left-posterior-superior", "Right-Anterior-Superior", "LAS", "RAST",
                                   "left-anterior-superior-time"])
def test_a_space_of_the_patient_states_the_orientation(path, space):
    path.write_bytes(HEADER + RAW + SPACING.replace(b"left-posterior-superior", space.encode()) + b"\n" + VOXELS)
    check_nrrd(path).check()


@pytest.mark.parametrize("lines, reason", [
    (b"spacings: 1 1 2\n", "has no space"),
    (b"space dimension: 3\n" + SPACING.replace(SPACE, b""), "has no space"),
    (SPACE + b"spacings: 1 1 2\n", "has no space directions"),
    (SPACING.replace(b"left-posterior-superior", b"scanner-xyz"), "the space scanner-xyz"),
    (SPACING.replace(b"left-posterior-superior", b"3D-right-handed"), "the space 3d-right-handed"),
])
def test_an_orientation_that_nobody_states_is_refused_with_the_remedy(path, lines, reason):
    content = HEADER + RAW + lines + b"\n" + VOXELS
    refuses(path, content, rf"does not say how its voxels lie .*{reason}.*--orientation LPS")
    check_nrrd(path, orientation_is_stated=True).check()


@pytest.mark.parametrize("line", [b'space units: "cm" "cm" "cm"\n', b'space units: "m" "m" "m"\n',
                                  b'space units: "mm" "mm" "inch"\n', b"space units: um um um\n"])
def test_lengths_in_another_unit_are_refused(path, line):
    refuses(path, HEADER + RAW + SPACING + line + b"\n" + VOXELS, "gives its lengths in")


@pytest.mark.parametrize("line", [b'space units: "mm" "mm" "mm"\n', b'space units: "millimeter" "mm" ""\n',
                                  b'units: "cm" "cm" "cm"\n'])  # those go with spacings alone
def test_lengths_in_millimetres_pass(path, line):
    path.write_bytes(HEADER + RAW + SPACING + line + b"\n" + VOXELS)
    check_nrrd(path).check()
