"""Scans of every format are read with their geometry; what is no usable CT is refused in one sentence."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.reading import read_label_map, read_volume
from Testing.lib.dicom_files import slice_values, write_slice

SHARED = Path(__file__).parents[4] / "shared" / "ct"
SUFFIXES = [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"]
SPACING, ORIGIN = (0.75, 1.5, 4.0), (-30.5, 12.0, 7.25)
TURN = np.radians(20)
DIRECTIONS = {
    "LPS": np.eye(3),
    "RAS": np.diag([-1.0, -1.0, 1.0]),
    "left-handed": np.diag([1.0, 1.0, -1.0]),
    "sagittal": np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]),
    "oblique": np.array([[1, 0, 0], [0, np.cos(TURN), -np.sin(TURN)], [0, np.sin(TURN), np.cos(TURN)]]),
}


def abdomen(shape=(4, 5, 6)):
    """HU from air to bone, different in each voxel."""
    return np.linspace(-1000, 900, np.prod(shape)).astype(np.int16).reshape(shape)


def write(path, voxels, direction=None, is_vector=False, compress=False):
    image = sitk.GetImageFromArray(voxels, isVector=is_vector)
    if image.GetDimension() == 3:
        image.SetSpacing(SPACING)
        image.SetOrigin(ORIGIN)
        image.SetDirection((np.eye(3) if direction is None else direction).ravel().tolist())
    sitk.WriteImage(image, str(path), compress)
    return path


def refuses(path, *words, read=read_volume):
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    for word in (str(path), *words):
        assert word in message
    assert "\n" not in message
    assert "ITK" not in message
    assert message.endswith(".")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("orientation", DIRECTIONS)
def test_voxels_and_geometry_survive_every_format(tmp_path, suffix, orientation):
    volume = read_volume(write(tmp_path / f"a.b{suffix}", abdomen(), DIRECTIONS[orientation]))
    np.testing.assert_array_equal(volume.voxels, abdomen())
    assert volume.voxels.dtype == np.int16
    assert volume.spacing_mm == pytest.approx(SPACING)
    assert volume.origin_mm == pytest.approx(ORIGIN)
    np.testing.assert_allclose(volume.direction, DIRECTIONS[orientation], atol=1e-6)
    assert volume.name == "a.b"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_paths_with_spaces_and_foreign_letters_work(tmp_path, suffix):
    folder = tmp_path / "Bäuche 腹部"
    folder.mkdir()
    assert read_volume(write(folder / f"scan é 1{suffix}", abdomen())).name == "scan é 1"


@pytest.mark.parametrize("suffix", [".NII.GZ", ".Nrrd", ".MHA"])
def test_the_case_of_a_suffix_does_not_matter(tmp_path, suffix):
    path = write(tmp_path / f"scan{suffix.lower()}", abdomen())
    assert read_volume(path.rename(tmp_path / f"scan{suffix}")).name == "scan"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_of_one_slice_keeps_its_axes(tmp_path, suffix, axis):
    voxels = abdomen().take([1, ], axis=axis)
    voxels.ravel()[:2] = -1000, 900
    volume = read_volume(write(tmp_path / f"scan{suffix}", voxels, DIRECTIONS["sagittal"]))
    assert volume.voxels.shape == voxels.shape
    assert volume.spacing_mm == pytest.approx(SPACING)
    np.testing.assert_allclose(volume.direction, DIRECTIONS["sagittal"], atol=1e-6)


@pytest.mark.parametrize("stored", [np.int32, np.float32, np.float64])
def test_whole_numbers_become_int16_whatever_the_file_holds(tmp_path, stored):
    volume = read_volume(write(tmp_path / "scan.nrrd", abdomen().astype(stored)))
    assert volume.voxels.dtype == np.int16
    np.testing.assert_array_equal(volume.voxels, abdomen())


@pytest.mark.parametrize("value", [0.5, 40000.0])
def test_what_does_not_fit_int16_stays_float32(tmp_path, value):
    voxels = abdomen().astype(np.float64)
    voxels[2, 2, 2] = value
    volume = read_volume(write(tmp_path / "scan.nrrd", voxels))
    assert volume.voxels.dtype == np.float32
    assert volume.voxels[2, 2, 2] == value


def test_a_scaled_nifti_is_read_in_hu(tmp_path):
    path = write(tmp_path / "scan.nii", abdomen() + 1024)
    data = bytearray(path.read_bytes())
    struct.pack_into("<2f", data, 112, 1.0, -1024.0)
    path.write_bytes(data)
    np.testing.assert_array_equal(read_volume(path).voxels, abdomen())


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_a_4d_file_with_one_frame_is_read(tmp_path, suffix):
    volume = read_volume(write(tmp_path / f"scan{suffix}", abdomen()[None]))
    np.testing.assert_array_equal(volume.voxels, abdomen())


def test_a_ct_clipped_to_a_soft_tissue_window_is_read(tmp_path):
    volume = read_volume(write(tmp_path / "scan.nii.gz", abdomen().clip(-125, 275)))
    assert (volume.voxels.min(), volume.voxels.max()) == (-125, 275)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_4d_file_with_frames_is_refused(tmp_path, suffix):
    refuses(write(tmp_path / f"scan{suffix}", np.stack([abdomen()] * 2)), "4-D")


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("components", [2, 3])
def test_colours_and_vectors_are_refused(tmp_path, suffix, components):
    voxels = np.stack([abdomen().astype(np.uint8)] * components, -1)
    refuses(write(tmp_path / f"scan{suffix}", voxels, is_vector=True), f"{components} values per voxel")


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
def test_2d_pictures_are_refused(tmp_path, suffix):
    refuses(write(tmp_path / f"scan{suffix}", abdomen()[0]), "2-D picture", "volume of one slice")


def test_a_missing_file_is_refused(tmp_path):
    refuses(tmp_path / "no.nii.gz", "does not exist")


@pytest.mark.parametrize("name", ["scan.txt", "scan", "scan.gz", "scan.hdr"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path, name):
    (tmp_path / name).write_bytes(b"hello")
    refuses(tmp_path / name, "unknown file type", ".nii.gz", "DICOM folder")


@pytest.mark.parametrize("name, content", [("a.dcm", b""), ("IM0001", bytes(128) + b"DICM")])
def test_a_single_dicom_file_is_refused_with_the_remedy(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refuses(tmp_path / name, "single DICOM file; pass the folder")


def test_an_empty_folder_is_refused(tmp_path):
    refuses(tmp_path, "no DICOM images")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("compress", [False, True])
def test_truncated_files_are_refused_without_a_word_on_the_console(tmp_path, capfd, suffix, compress):
    path = write(tmp_path / f"scan{suffix}", abdomen((20, 20, 20)), compress=compress)
    path.write_bytes(path.read_bytes()[:-30])
    refuses(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_damaged_compressed_files_are_refused_without_a_word_on_the_console(tmp_path, capfd, suffix):
    noise = np.random.default_rng(0).integers(-1000, 1000, (20, 20, 20)).astype(np.int16)
    path = write(tmp_path / f"scan{suffix}", noise, compress=True)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    refuses(path, "damaged")
    assert capfd.readouterr() == ("", "")


NO_IMAGES = {"empty": b"", "text": b"hello", "magic": b"NRRD0004\n", "gzip": gzip.compress(b"hello" * 500)}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", NO_IMAGES.values(), ids=NO_IMAGES)
def test_files_of_another_kind_are_refused_without_a_word_on_the_console(tmp_path, capfd, suffix, content):
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(content)
    refuses(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix, voxels", [(".nhdr", ".raw"), (".mhd", ".raw")])
def test_a_header_without_its_voxels_is_refused(tmp_path, suffix, voxels):
    path = write(tmp_path / f"scan{suffix}", abdomen())
    (tmp_path / f"scan{voxels}").unlink()
    refuses(path, "damaged")


def nrrd(tmp_path, *fields):
    header = ["NRRD0004", "type: short", "dimension: 3", "sizes: 6 5 4", "endian: little", "encoding: raw",
              *fields]
    path = tmp_path / "scan.nrrd"
    path.write_bytes("\n".join(header).encode() + b"\n\n" + abdomen().tobytes())
    return path


def metaimage(tmp_path, *fields):
    header = ["ObjectType = Image", "NDims = 3", "BinaryData = True", "BinaryDataByteOrderMSB = False",
              "DimSize = 6 5 4", "ElementType = MET_SHORT", *fields,
              *([] if any("Matrix" in field for field in fields) else ["TransformMatrix = 1 0 0 0 1 0 0 0 1"]),
              "ElementDataFile = LOCAL"]
    path = tmp_path / "scan.mha"
    path.write_bytes("\n".join(header).encode() + b"\n" + abdomen().tobytes())
    return path


@pytest.mark.parametrize("number", ["0", "-2", "nan"])
def test_impossible_spacing_is_refused_in_every_format(tmp_path, number):
    refuses(metaimage(tmp_path, f"ElementSpacing = 1 1 {number}"), "spacing of 1 x 1 x")
    refuses(nrrd(tmp_path, f"spacings: 1 1 {number}"), "spacing")
    nifti = write(tmp_path / "scan.nii", abdomen())
    data = bytearray(nifti.read_bytes())
    struct.pack_into("<f", data, 76 + 12, float(number))
    nifti.write_bytes(data)
    refuses(nifti, "spacing of 0.75 x 1.5 x")


def test_a_nrrd_without_spacing_is_refused(tmp_path):
    refuses(nrrd(tmp_path), "no spacing")


def test_a_zero_nrrd_space_direction_is_refused(tmp_path):
    space = "space: left-posterior-superior"
    refuses(nrrd(tmp_path, space, "space directions: (1,0,0) (0,1,0) (0,0,0)"), "spacing of 1 x 1 x 0 mm")


@pytest.mark.parametrize("j_axis", ["0.2,1,0", "1,0,0"])
def test_sheared_and_singular_directions_are_refused(tmp_path, j_axis):
    space = "space: left-posterior-superior"
    refuses(nrrd(tmp_path, space, f"space directions: (1,0,0) ({j_axis}) (0,0,2)"), "not at right angles")
    matrix = "1 0 0 " + j_axis.replace(",", " ") + " 0 0 1"
    path = metaimage(tmp_path, f"TransformMatrix = {matrix}", "ElementSpacing = 1 1 2")
    refuses(path, "not at right angles")


def test_a_nrrd_in_ras_is_read_in_lps(tmp_path):
    volume = read_volume(nrrd(tmp_path, "space: right-anterior-superior", "space origin: (1,2,3)",
                              "space directions: (1,0,0) (0,1,0) (0,0,2)"))
    np.testing.assert_allclose(volume.direction, np.diag([-1, -1, 1]))
    assert volume.origin_mm == (-1, -2, 3)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_counted_and_refused(tmp_path, number):
    voxels = abdomen().astype(np.float32)
    voxels[0, 0, :2] = number
    refuses(write(tmp_path / "scan.nrrd", voxels), "2 voxels that are not numbers")


@pytest.mark.parametrize("value", [0, -1024, 40])
def test_a_constant_volume_is_refused(tmp_path, value):
    refuses(write(tmp_path / "scan.nii.gz", np.full((4, 5, 6), value, np.int16)), "empty", str(value))


@pytest.mark.parametrize("voxels, reason", [
    ((abdomen() + 1000) // 8, "a window was already applied"),
    (abdomen() + 1024, "stored values without rescale intercept"),
    ((abdomen() / 1000.0).astype(np.float32), "scaled to 0 to 1"),
    (np.where(np.arange(2000).reshape(10, 10, 20) == 7, -60, np.abs(abdomen((10, 10, 20)))), "MR"),
    (abdomen() // 10 - 900, "normalised"),
    (abdomen() // 4 - 700, "nothing but air"),
], ids=["8-bit", "MR", "scaled to one", "MR with an undershoot", "air only, narrow", "air only"])
def test_what_is_no_ct_is_refused_with_its_range(tmp_path, voxels, reason):
    low, high = voxels.min(), voxels.max()
    refuses(write(tmp_path / "scan.nrrd", voxels), reason, f"{low:g} to {high:g}")


@pytest.mark.parametrize("suffix", [".nii.gz", ".seg.nrrd", ".mha"])
def test_a_label_map_is_read_as_uint8_with_its_geometry(tmp_path, suffix):
    labels = (np.arange(120) % 9).reshape(4, 5, 6)
    volume = read_label_map(write(tmp_path / f"scan{suffix}", labels.astype(np.int16), DIRECTIONS["oblique"]))
    assert volume.voxels.dtype == np.uint8
    np.testing.assert_array_equal(volume.voxels, labels)
    np.testing.assert_allclose(volume.direction, DIRECTIONS["oblique"], atol=1e-6)
    assert volume.name == "scan"


def test_an_empty_label_map_is_read(tmp_path):
    path = write(tmp_path / "scan.nii.gz", np.zeros((4, 5, 6), np.uint8))
    assert not read_label_map(path).voxels.any()


@pytest.mark.parametrize("value", [-1, 256, 0.5, np.nan])
def test_values_that_are_no_labels_are_refused(tmp_path, value):
    voxels = np.zeros((4, 5, 6), np.float32)
    voxels[1, 1, 1] = value
    refuses(write(tmp_path / "scan.nrrd", voxels), "not a label map", read=read_label_map)


def test_a_relative_folder_is_named_after_itself(tmp_path, monkeypatch):
    (tmp_path / "case 7").mkdir()
    for k in range(3):
        write_slice(tmp_path / "case 7" / str(k), k, (0, 0, 5 * k), values=slice_values(5 * k))
    monkeypatch.chdir(tmp_path / "case 7")
    volume = read_volume(Path("."))
    assert volume.name == "case 7"
    assert volume.voxels.dtype == np.int16


@pytest.mark.skipif(not SHARED.exists(), reason="shared/ct is absent")
@pytest.mark.parametrize("name, size", [("totalseg_example_ct.nii.gz", (112, 101, 122)),
                                        ("totalseg_example_ct_sm.nii.gz", (30, 101, 122)),
                                        ("acrin_flt_breast_001", (56, 512, 512))])
def test_real_scans_are_read_without_a_word_on_the_console(capfd, name, size):
    volume = read_volume(SHARED / name)
    assert volume.voxels.shape == size
    assert volume.voxels.dtype == np.int16
    assert volume.name == name.split(".")[0]
    # The body is the usual mixture of air, fat and soft tissue.
    assert (volume.voxels < -900).mean() > 0.1
    assert ((volume.voxels > -150) & (volume.voxels < 150)).mean() > 0.1
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not SHARED.exists(), reason="shared/ct is absent")
def test_a_real_label_map_lies_on_its_scans_grid():
    scan = read_volume(SHARED / "totalseg_example_ct_sm.nii.gz")
    labels = read_label_map(SHARED / "totalseg_example_ct_sm_seg.nii.gz")
    assert labels.voxels.shape == scan.voxels.shape
    np.testing.assert_allclose(labels.ijk_to_lps, scan.ijk_to_lps)
    # 5 is the liver; portal venous liver lies near 100 HU, any liver between 20 and 160.
    assert 20 < np.median(scan.voxels[labels.voxels == 5]) < 160


@pytest.mark.parametrize("slope", [0.0, float("nan")])
def test_a_nifti_without_slope_is_not_scaled(tmp_path, slope):
    path = write(tmp_path / "scan.nii", abdomen())
    data = bytearray(path.read_bytes())
    struct.pack_into("<2f", data, 112, slope, -1024.0)
    path.write_bytes(data)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.voxels, abdomen())
    assert volume.voxels.dtype == np.int16


def without_orientation(path):
    """A file of a format, with no word on how its voxels lie."""
    if path.suffix == ".nrrd":
        return nrrd(path.parent, "spacings: 0.75 1.5 4")
    if path.suffix == ".mha":
        return metaimage(path.parent, "Comment = no Matrix", "ElementSpacing = 0.75 1.5 4")
    data = bytearray(write(path, abdomen()).read_bytes())
    struct.pack_into("<2h", data, 252, 0, 0)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("axes", ["LPS", "RAS", "SLP", "ail"])
def test_what_the_user_states_takes_the_place_of_what_the_file_does_not_say(tmp_path, suffix, axes):
    path = without_orientation(tmp_path / f"scan{suffix}")
    refuses(path, "does not say how its voxels lie", "--orientation")
    volume = read_volume(path, orientation=axes)
    np.testing.assert_array_equal(volume.voxels, abdomen())
    assert volume.spacing_mm == pytest.approx(SPACING)
    towards = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
    np.testing.assert_array_equal(volume.direction.T, [towards[letter] for letter in axes.upper()])


def test_what_the_user_states_goes_before_what_the_file_says(tmp_path):
    path = write(tmp_path / "scan.nrrd", abdomen(), DIRECTIONS["oblique"])
    np.testing.assert_array_equal(read_volume(path, orientation="RAS").direction, np.diag([-1, -1, 1]))
