"""Segmentations on the scan's exact grid; Slicer's own code opens them with names, colours and codes."""

import errno
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io import writing
from MISTKDSegmentLib.io.reading import read_label_map
from MISTKDSegmentLib.io.writing import write_segmentation
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS, Code, Label
from MISTKDSegmentLib.model.slicer_terminology import terminology_entry

SUFFIXES = [".seg.nrrd", ".nrrd", ".nii.gz"]
TURN, TILT = np.radians(25), np.radians(10)
OBLIQUE = (np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])
           @ np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]]))
DIRECTIONS = {
    "LPS": np.eye(3),
    "RAS": np.diag([-1.0, -1.0, 1.0]),
    "left-handed": np.diag([1.0, 1.0, -1.0]),
    "sagittal": np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]),
    "oblique": OBLIQUE,
}
# (k, j, i) of the voxels of three organs. All others are empty, the first in the table among them, and no
# organ reaches over the whole grid: cropped to the extent of one, another would be lost.
ORGANS = {5: [(1, 1, 1), (1, 1, 2), (1, 2, 1), (2, 1, 1)], 3: [(3, 4, 5)], 8: [(0, 0, 0), (3, 0, 4)]}


def volume(orientation="LPS"):
    return Volume(np.zeros((4, 5, 6), np.int16), (0.7, 1.5, 4.0), (-31.25, 12.5, 700.123456789),
                  DIRECTIONS[orientation], "scan")


def organs():
    labels = np.zeros((4, 5, 6), np.uint8)
    for value, voxels in ORGANS.items():
        labels[tuple(np.array(voxels).T)] = value
    return labels


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("orientation", DIRECTIONS)
def test_labels_lie_on_the_scans_grid(tmp_path, suffix, orientation):
    path = tmp_path / f"ä scan{suffix}"
    write_segmentation(path, volume(orientation), organs(), ABDOMEN_LABELS)
    read = read_label_map(path)
    np.testing.assert_array_equal(read.voxels, organs())
    np.testing.assert_allclose(read.ijk_to_lps, volume(orientation).ijk_to_lps, atol=1e-4)
    assert os.listdir(tmp_path) == [path.name]


def test_a_seg_nrrd_keeps_the_geometry_to_the_last_bit(tmp_path):
    write_segmentation(tmp_path / "a.seg.nrrd", volume(), organs(), ABDOMEN_LABELS)
    image = sitk.ReadImage(str(tmp_path / "a.seg.nrrd"))
    assert image.GetOrigin() == volume().origin_mm
    assert image.GetSpacing() == volume().spacing_mm


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_are_uint8_and_compressed(tmp_path, suffix):
    big = Volume(np.zeros((40, 50, 60), np.int16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    labels = np.full(big.voxels.shape, 5, np.uint8)
    write_segmentation(tmp_path / f"a{suffix}", big, labels, ABDOMEN_LABELS)
    assert sitk.ReadImage(str(tmp_path / f"a{suffix}")).GetPixelID() == sitk.sitkUInt8
    assert (tmp_path / f"a{suffix}").stat().st_size < labels.size / 10


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_slice_is_enough(tmp_path, suffix):
    air = np.zeros((1, 5, 6), np.int16)
    slice_only = Volume(air, (0.7, 1.5, 4.0), (1.0, 2.0, 3.0), DIRECTIONS["sagittal"])
    write_segmentation(tmp_path / f"a{suffix}", slice_only, organs()[1:2], ABDOMEN_LABELS)
    read = read_label_map(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read.voxels, organs()[1:2])
    np.testing.assert_allclose(read.ijk_to_lps, slice_only.ijk_to_lps, atol=1e-5)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_organs_that_are_not_asked_for_become_background(tmp_path, suffix):
    liver = [label for label in ABDOMEN_LABELS if label.name == "liver"]
    write_segmentation(tmp_path / f"a{suffix}", volume(), organs(), liver)
    read = read_label_map(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read.voxels, np.where(organs() == 5, 5, 0))


def test_the_labels_handed_in_are_not_changed(tmp_path):
    labels = organs()
    write_segmentation(tmp_path / "a.nii.gz", volume(), labels, ABDOMEN_LABELS[:1])
    np.testing.assert_array_equal(labels, organs())


def test_flipped_views_are_written_as_they_look(tmp_path):
    for suffix in SUFFIXES:
        write_segmentation(tmp_path / f"a{suffix}", volume(), organs()[::-1, :, ::-1], ABDOMEN_LABELS)
        np.testing.assert_array_equal(read_label_map(tmp_path / f"a{suffix}").voxels, organs()[::-1, :, ::-1])


def test_a_label_map_in_nrrd_is_no_segmentation(tmp_path):
    write_segmentation(tmp_path / "a.nrrd", volume(), organs(), ABDOMEN_LABELS)
    assert b"Segment" not in (tmp_path / "a.nrrd").read_bytes().partition(b"\n\n")[0]


def test_writing_twice_gives_the_same_bytes(tmp_path):
    for name in ("a.seg.nrrd", "b.seg.nrrd"):
        write_segmentation(tmp_path / name, volume(), organs(), ABDOMEN_LABELS)
    assert (tmp_path / "a.seg.nrrd").read_bytes() == (tmp_path / "b.seg.nrrd").read_bytes()


@pytest.mark.parametrize("name", ["a.seg.nii", "a.nii", "a.mha", "a"])
def test_other_suffixes_are_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(OutputError, match=r"\.seg\.nrrd, \.nrrd or \.nii\.gz"):
        write_segmentation(tmp_path / name, volume(), organs(), ABDOMEN_LABELS)
    assert not os.listdir(tmp_path)


def test_labels_of_another_grid_or_type_are_a_programming_error(tmp_path):
    with pytest.raises(ValueError, match="shape"):
        write_segmentation(tmp_path / "a.nii.gz", volume(), organs()[1:], ABDOMEN_LABELS)
    with pytest.raises(ValueError, match="uint8"):
        write_segmentation(tmp_path / "a.nii.gz", volume(), organs().astype(int), ABDOMEN_LABELS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_folder_is_named(tmp_path, suffix):
    with pytest.raises(OutputError, match="folder does not exist"):
        write_segmentation(tmp_path / "no" / f"a{suffix}", volume(), organs(), ABDOMEN_LABELS)


def test_a_full_disk_keeps_the_old_seg_nrrd(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")
    path = tmp_path / "a.seg.nrrd"
    path.write_text("old")
    monkeypatch.setattr(writing.zlib, "compressobj", full)
    with pytest.raises(OutputError, match=r"a\.seg\.nrrd .*disk is full"):
        write_segmentation(path, volume(), organs(), ABDOMEN_LABELS)
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.seg.nrrd"]


def test_a_full_disk_that_itk_does_not_notice_keeps_the_old_nifti(tmp_path, monkeypatch):
    write_image = sitk.WriteImage

    def truncate(image, path, compress):
        write_image(image, path, compress)
        with open(path, "rb+") as file:
            file.truncate(os.path.getsize(path) // 2)
    path = tmp_path / "a.nii.gz"
    path.write_text("old")
    monkeypatch.setattr(sitk, "WriteImage", truncate)
    with pytest.raises(OutputError, match=r"a\.nii\.gz .*disk is full"):
        write_segmentation(path, volume(), organs(), ABDOMEN_LABELS)
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["a.nii.gz"]


def test_a_name_cannot_break_the_header(tmp_path):
    code = Code("99X", "1", "a|b~c^d")
    label = Label(5, "x", "Läver\nSegment9_ID:=evil", (1, 2, 3), code, code)
    write_segmentation(tmp_path / "a.seg.nrrd", volume(), organs(), [label])
    image = sitk.ReadImage(str(tmp_path / "a.seg.nrrd"))
    assert not image.HasMetaDataKey("Segment9_ID")
    assert image.GetMetaData("Segment0_Name") == "Läver Segment9_ID:=evil"
    assert image.GetMetaData("Segment0_Tags").count("|") == 1


# Runs in a process of its own: importing slicer changes much else.
SLICER_SCRIPT = """
import json, sys
import numpy as np, slicer, vtk
from vtk.util.numpy_support import vtk_to_numpy

def voxels_ras(image, value):
    shape = image.GetDimensions()[::-1]
    found = np.argwhere(vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape) == value)
    extent, matrix = image.GetExtent(), vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    ijk = found[:, ::-1] + extent[::2]
    return [list(matrix.MultiplyPoint([*map(float, voxel), 1])[:3]) for voxel in ijk]

def describe(path):
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(path)
    assert storage.ReadData(node) == 1, path
    segmentation, segments = node.GetSegmentation(), []
    for index in range(segmentation.GetNumberOfSegments()):
        segment, tag = segmentation.GetNthSegment(index), vtk.reference("")
        segment.GetTag("TerminologyEntry", tag)
        image = segment.GetRepresentation("Binary labelmap")
        segments.append(dict(id=segmentation.GetNthSegmentID(index), name=segment.GetName(),
                             terminology=str(tag), color=segment.GetColor(), value=segment.GetLabelValue(),
                             ras=voxels_ras(image, segment.GetLabelValue())))
    return dict(segments=segments, layers=segmentation.GetNumberOfLayers("Binary labelmap"),
                warnings=storage.GetUserMessages().GetNumberOfMessages(),
                source=segmentation.GetSourceRepresentationName())

json.dump({path: describe(path) for path in sys.argv[2:]}, open(sys.argv[1], "w"))
"""


def has_slicer_mrml():
    try:
        return bool(importlib.metadata.version("slicer-core"))
    except importlib.metadata.PackageNotFoundError:
        return False


needs_slicer = pytest.mark.skipif(not has_slicer_mrml(), reason="slicer-core (Slicer's MRML) is absent")


@pytest.fixture(scope="module")
def in_slicer(tmp_path_factory):
    """What Slicer finds in a .seg.nrrd of each orientation."""
    folder = tmp_path_factory.mktemp("ü seg")
    paths = {name: str(folder / f"{name}.seg.nrrd") for name in DIRECTIONS}
    for name, path in paths.items():
        write_segmentation(Path(path), volume(name), organs(), ABDOMEN_LABELS)
    answer = folder / "found.json"
    command = [sys.executable, "-c", SLICER_SCRIPT, str(answer), *paths.values()]
    subprocess.run(command, check=True, timeout=600)
    found = json.loads(answer.read_text(encoding="utf-8"))
    return {name: found[path] for name, path in paths.items()}


@needs_slicer
@pytest.mark.parametrize("orientation", DIRECTIONS)
def test_slicer_shows_every_organ_with_its_name_colour_value_and_codes(in_slicer, orientation):
    segments = in_slicer[orientation]["segments"]
    assert [s["id"] for s in segments] == [label.name for label in ABDOMEN_LABELS]
    assert [s["name"] for s in segments] == [label.title for label in ABDOMEN_LABELS]
    assert [s["value"] for s in segments] == [label.value for label in ABDOMEN_LABELS]
    assert [s["terminology"] for s in segments] == [terminology_entry(label) for label in ABDOMEN_LABELS]
    colors = np.array([label.color for label in ABDOMEN_LABELS]) / 255
    np.testing.assert_allclose([s["color"] for s in segments], colors, atol=1e-5)


@needs_slicer
@pytest.mark.parametrize("orientation", DIRECTIONS)
def test_slicer_finds_every_voxel_at_its_place_in_the_patient(in_slicer, orientation):
    for segment in in_slicer[orientation]["segments"]:
        kji = np.array(ORGANS.get(segment["value"], [])).reshape(-1, 3)
        ijk1 = np.column_stack([kji[:, ::-1], np.ones(len(kji))])
        expected_ras = (ijk1 @ volume(orientation).ijk_to_lps.T)[:, :3] * (-1, -1, 1)
        assert len(segment["ras"]) == len(expected_ras)
        np.testing.assert_allclose(sorted(segment["ras"]), sorted(expected_ras.tolist()), atol=1e-4)


@needs_slicer
@pytest.mark.parametrize("orientation", DIRECTIONS)
def test_slicer_loads_one_shared_layer_without_complaint(in_slicer, orientation):
    found = in_slicer[orientation]
    assert (found["layers"], found["warnings"], found["source"]) == (1, 0, "Binary labelmap")
