"""Volume nodes as scans, and what is no scan."""

import numpy as np
import pytest
import slicer
import vtk
from hypothesis import given, settings
from hypothesis import strategies as st

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.slicer.scene.volume_node import read_volume_node, why_not_a_ct
from Testing.lib.orientations import ORIENTATIONS, rotation
from Testing.scene.mrml import LPS_TO_RAS, World, real_scan

SCAN = np.arange(24, dtype=np.int16).reshape(2, 3, 4) - 100
ANGLE = st.floats(-180, 180)


def test_nothing_chosen_says_what_to_do():
    assert why_not_a_ct(None) == "No volume is chosen; load a CT scan and choose it."


def test_a_ct_is_no_problem(world):
    assert why_not_a_ct(world.volume(SCAN)) is None


def test_a_volume_outside_every_scene_is_no_problem():
    node = slicer.vtkMRMLScalarVolumeNode()
    image = vtk.vtkImageData()
    image.SetDimensions(2, 2, 2)
    image.AllocateScalars(vtk.VTK_SHORT, 1)
    node.SetAndObserveImageData(image)
    assert why_not_a_ct(node) is None


def test_a_label_map_is_refused_though_it_is_a_scalar_volume(world):
    node = world.volume(SCAN, name="organs", class_name="vtkMRMLLabelMapVolumeNode")
    assert why_not_a_ct(node) == "organs is a label map; choose the CT scan that it belongs to."


def test_a_node_of_another_kind_is_refused(world):
    assert why_not_a_ct(world.node("vtkMRMLModelNode", "skin")) == "skin is not a volume; choose a CT scan."


def test_a_volume_without_voxels_is_refused(world):
    assert why_not_a_ct(world.node("vtkMRMLScalarVolumeNode", "lost")) == "lost has no voxels; load it again."


@pytest.mark.parametrize("class_name", ["vtkMRMLVectorVolumeNode", "vtkMRMLScalarVolumeNode"])
@pytest.mark.parametrize("components", [2, 3])
def test_colour_vector_and_complex_values_are_refused(world, class_name, components):
    node, image = world.node(class_name, "photo"), vtk.vtkImageData()
    image.SetDimensions(2, 2, 2)
    image.AllocateScalars(vtk.VTK_FLOAT, components)
    node.SetAndObserveImageData(image)
    assert f"photo has {components} values per voxel" in why_not_a_ct(node)


def test_a_tensor_volume_is_refused(world):
    node, image = world.node("vtkMRMLDiffusionTensorVolumeNode", "tensors"), vtk.vtkImageData()
    image.SetDimensions(2, 2, 2)
    tensors = vtk.vtkFloatArray()
    tensors.SetNumberOfComponents(9)
    tensors.SetNumberOfTuples(8)
    image.GetPointData().SetTensors(tensors)
    node.SetAndObserveImageData(image)
    assert why_not_a_ct(node) == "tensors has no voxels; load it again."


@pytest.mark.parametrize(("modality", "refused"), [("MR", True), ("PT", True), ("CT", False)])
def test_the_dicom_modality_decides_where_it_is_known(world, modality, refused):
    node = world.volume(SCAN, name="series 4")
    world.hierarchy.SetItemAttribute(
        world.hierarchy.CreateItem(world.hierarchy.GetSceneItemID(), node), "DICOM.Modality", modality)
    expected = f"series 4 is no CT: its DICOM modality is {modality}; choose a CT scan."
    assert why_not_a_ct(node) == (expected if refused else None)


def test_what_is_refused_is_not_read_either(world):
    with pytest.raises(InputError, match="organs is a label map"):
        read_volume_node(world.volume(SCAN, name="organs", class_name="vtkMRMLLabelMapVolumeNode"))


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64, np.uint16, np.int32, np.int8])
def test_voxels_are_a_view_and_no_copy(world, dtype):
    node = world.volume(SCAN.astype(dtype))
    volume = read_volume_node(node)
    assert volume.voxels.dtype == dtype
    assert np.array_equal(volume.voxels, SCAN.astype(dtype))
    node.GetImageData().GetPointData().GetScalars().SetComponent(0, 0, 77)
    assert volume.voxels[0, 0, 0] == 77


def test_the_view_outlives_its_node(world):
    node = world.volume(SCAN)
    voxels = read_volume_node(node).voxels
    world.scene.RemoveNode(node)
    del node
    assert np.array_equal(voxels, SCAN)


def test_one_slice_is_a_volume(world):
    assert read_volume_node(world.volume(SCAN[:1])).voxels.shape == (1, 3, 4)


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_all_orientations_keep_their_geometry_left_handed_ones_too(world, direction):
    scan = Volume(SCAN, (0.7, 0.8, 5.0), (10.0, -20.0, 1030.0), direction)
    volume = read_volume_node(world.volume_of(scan))
    assert np.allclose(volume.direction, direction)
    assert np.allclose(volume.spacing_mm, scan.spacing_mm)
    assert np.allclose(volume.origin_mm, scan.origin_mm)


@settings(max_examples=25, deadline=None)
@given(st.tuples(ANGLE, ANGLE, ANGLE), st.sampled_from(ORIENTATIONS),
       st.tuples(*[st.floats(0.1, 10.0)] * 3), st.tuples(*[st.floats(-2000, 2000)] * 3))
def test_oblique_volumes_keep_their_geometry(angles, axes, spacing_mm, origin_mm):
    direction = rotation(angles[0], 0) @ rotation(angles[1], 1) @ rotation(angles[2], 2) @ axes
    scan = Volume(SCAN, spacing_mm, origin_mm, direction)
    assert np.allclose(read_volume_node(World().volume_of(scan)).ijk_to_lps, scan.ijk_to_lps, atol=1e-6)


def test_the_name_is_the_nodes_and_never_empty(world):
    assert read_volume_node(world.volume(SCAN, name="6: CT abdomen")).name == "6: CT abdomen"
    nameless = world.volume(SCAN)
    nameless.SetName(None)
    assert read_volume_node(nameless).name == "volume"


def test_sheared_axes_are_refused_with_the_nodes_name(world):
    matrix = np.eye(4)
    matrix[0, 2] = 0.2
    with pytest.raises(InputError, match="tilted has voxel axes that are not at right angles"):
        read_volume_node(world.volume(SCAN, matrix, name="tilted"))


def test_a_spacing_in_metres_is_refused(world):
    with pytest.raises(InputError, match="small has a spacing"):
        read_volume_node(world.volume(SCAN, np.diag([0.001, 0.001, 0.003, 1.0]), name="small"))


def rigid() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(40, 2) @ rotation(25, 0)
    matrix[:3, 3] = 30, -12, 200
    return matrix


def test_a_rigid_parent_transform_is_part_of_the_geometry(world):
    own = np.diag([-0.7, -0.8, 5.0, 1.0])
    node, transform, outer = world.volume(SCAN, own), world.transform(rigid()), world.transform(rigid())
    node.SetAndObserveTransformNodeID(transform.GetID())
    transform.SetAndObserveTransformNodeID(outer.GetID())
    assert np.allclose(read_volume_node(node).ijk_to_lps, LPS_TO_RAS @ rigid() @ rigid() @ own)


@pytest.mark.parametrize("matrix", [np.diag([2.0, 2.0, 2.0, 1.0]), np.diag([-1.0, 1.0, 1.0, 1.0]),
                                    np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])])
def test_scaling_mirroring_and_shearing_transforms_leave_the_volumes_own_geometry(world, matrix):
    own = np.diag([-0.7, -0.8, 5.0, 1.0])
    node = world.volume(SCAN, own)
    node.SetAndObserveTransformNodeID(world.transform(matrix).GetID())
    assert np.allclose(read_volume_node(node).ijk_to_lps, LPS_TO_RAS @ own)


def test_a_warping_transform_leaves_the_volumes_own_geometry(world):
    own = np.diag([-0.7, -0.8, 5.0, 1.0])
    node = world.volume(SCAN, own)
    node.SetAndObserveTransformNodeID(world.warp((30.0, 0.0, 0.0), 0.1).GetID())
    assert np.allclose(read_volume_node(node).ijk_to_lps, LPS_TO_RAS @ own)


def test_the_shown_time_point_of_a_sequence_is_a_scan(world):
    sequence, browser = world.node("vtkMRMLSequenceNode", "4-D"), world.node("vtkMRMLSequenceBrowserNode")
    for time in range(3):
        sequence.SetDataNodeAtValue(world.volume(SCAN + time), str(time))
    browser.AddSynchronizedSequenceNode(sequence)
    browser.SetSelectedItemNumber(2)
    world.sequences.UpdateProxyNodesFromSequences(browser)
    proxy = browser.GetProxyNode(sequence)
    assert why_not_a_ct(proxy) is None
    assert np.array_equal(read_volume_node(proxy).voxels, SCAN + 2)


@pytest.mark.parametrize("file", ["totalseg_example_ct_sm.nii.gz", "acrin_flt_breast_001"])
def test_slicers_reader_and_ours_see_the_same_scan_in_the_same_place(world, file):
    ours, theirs = read_volume(real_scan(file)), read_volume_node(world.loaded(real_scan(file)))
    assert theirs.voxels.size == ours.voxels.size
    to_ours = np.linalg.inv(ours.ijk_to_lps) @ theirs.ijk_to_lps
    for ijk in np.random.default_rng(0).integers(0, theirs.voxels.shape[::-1], (50, 3)):
        at = (to_ours @ [*ijk, 1])[:3]
        assert np.allclose(at, at.round(), atol=1e-2)
        assert theirs.voxels[tuple(ijk[::-1])] == ours.voxels[tuple(at.round().astype(int)[::-1])]
