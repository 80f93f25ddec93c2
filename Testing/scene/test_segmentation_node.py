"""Labels as segments: where they lie, what they replace and what they leave alone."""

import numpy as np
import pytest
import slicer
import vtk
from hypothesis import given, settings
from hypothesis import strategies as st

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.slicer.scene import segmentation_node
from MISTKDSegmentLib.slicer.scene.new_labels import at_once, crop_labels
from MISTKDSegmentLib.slicer.scene.segmentation_node import put_segments, show_3d, write_segmentation_node
from MISTKDSegmentLib.slicer.scene.volume_node import read_volume_node
from Testing.lib.orientations import ORIENTATIONS, rotation, turned
from Testing.scene.mrml import LPS_TO_RAS, World, real_scan, segment_ids, segment_mask, segment_ras
from Testing.scene.refusal import refuse_imports

BY_NAME = {label.name: label for label in ABDOMEN_LABELS}
NAMES = [label.name for label in ABDOMEN_LABELS]
SHAPE = (8, 20, 18)
AXIAL = np.diag([-0.7, -0.8, 3.0, 1.0])
SURFACE = "Closed surface"
ANGLE = st.floats(-180, 180)


def organs(*names: str) -> np.ndarray:
    """Each organ a block of its own, two voxels apart from the next."""
    labels = np.zeros(SHAPE, np.uint8)
    for name in names or NAMES:
        value = BY_NAME[name].value
        labels[2:6, 2 * value:2 * value + 2, 3:9] = value
    return labels


def table(*names: str) -> list:
    return [BY_NAME[name] for name in names]


def a_ct(world: World) -> vtk.vtkObject:
    return world.volume(np.zeros(SHAPE, np.int16), AXIAL)


def add_segment(node: vtk.vtkObject, segment_id: str, mask: np.ndarray, matrix: np.ndarray = AXIAL) -> None:
    """A segment as the user draws one: its own label map on the volume's grid."""
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(mask.shape[::-1])
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(0)
    for k, j, i in np.argwhere(mask):
        image.SetScalarComponentFromDouble(int(i), int(j), int(k), 0, 1)
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(matrix))
    segment = slicer.vtkSegment()
    segment.SetName(segment_id)
    segment.SetColor(0.1, 0.2, 0.3)
    segment.AddRepresentation("Binary labelmap", image)
    assert node.GetSegmentation().AddSegment(segment, segment_id)


def layers(node: vtk.vtkObject) -> int:
    return node.GetSegmentation().GetNumberOfLayers()


def assert_is(node: vtk.vtkObject, volume_node: vtk.vtkObject, labels: np.ndarray) -> None:
    """Every segment of ours is exactly its label."""
    for label in ABDOMEN_LABELS:
        if (labels == label.value).any():
            assert np.array_equal(segment_mask(node, label.name, volume_node), labels == label.value), label.name
        else:
            assert label.name not in segment_ids(node)


def test_labels_become_named_segments_on_one_shared_layer(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "scan segmentation")
    assert node.GetName() == "scan segmentation"
    assert segment_ids(node) == NAMES
    assert layers(node) == 1
    assert_is(node, volume, organs())
    liver = node.GetSegmentation().GetSegment("liver")
    assert (liver.GetName(), "SCT^10200004^Liver" in liver.GetTerminology()) == ("Liver", True)


def test_nothing_but_the_segmentation_and_its_display_is_added_to_the_scene(world):
    volume = a_ct(world)
    before = world.scene.GetNumberOfNodes()
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    added = [world.scene.GetNthNode(n) for n in range(before, world.scene.GetNumberOfNodes())]
    assert added == [node, node.GetDisplayNode()]


def test_the_label_map_is_cropped_to_the_organs_and_stays_at_one_byte(world):
    node = write_segmentation_node(organs("liver"), a_ct(world), None, ABDOMEN_LABELS, "seg")
    image = node.GetBinaryLabelmapInternalRepresentation("liver")
    assert image.GetExtent() == (3, 8, 10, 11, 2, 5)
    assert image.GetScalarType() == vtk.VTK_UNSIGNED_CHAR


def test_labels_outside_the_table_are_not_imported(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, table("liver"), "seg")
    assert segment_ids(node) == ["liver"]
    image = node.GetBinaryLabelmapInternalRepresentation("liver")
    assert image.GetScalarRange() == (0, 5)


def test_labels_of_another_shape_are_refused(world):
    volume = a_ct(world)
    before = world.scene.GetNumberOfNodes()
    with pytest.raises(InputError, match="The volume scan got another size during the run; start again"):
        write_segmentation_node(np.zeros((3, 4, 5), np.uint8), volume, None, ABDOMEN_LABELS, "seg")
    assert world.scene.GetNumberOfNodes() == before


def test_read_only_labels_from_a_file_are_fine(world, tmp_path):
    np.save(tmp_path / "labels.npy", organs())
    volume = a_ct(world)
    node = write_segmentation_node(
        np.load(tmp_path / "labels.npy", mmap_mode="r"), volume, None, ABDOMEN_LABELS, "seg")
    assert_is(node, volume, organs())


def test_a_result_without_organs_is_an_empty_segmentation_with_geometry(world):
    volume = a_ct(world)
    node = write_segmentation_node(np.zeros(SHAPE, np.uint8), volume, None, ABDOMEN_LABELS, "seg")
    assert segment_ids(node) == []
    assert reference_volume(node) is volume


def reference_volume(node):
    return node.GetNodeReference(slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole())


def test_the_reference_geometry_is_the_volumes(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    converter = slicer.vtkSegmentationConverter
    text = node.GetSegmentation().GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    image = slicer.vtkOrientedImageData()
    assert converter.DeserializeImageGeometry(text, image)
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(matrix), AXIAL)
    assert image.GetDimensions() == SHAPE[::-1]
    assert reference_volume(node) is volume


def test_an_export_on_the_volumes_grid_gives_the_labels_back(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    label_map = world.node("vtkMRMLLabelMapVolumeNode")
    assert slicer.vtkSlicerSegmentationsModuleLogic.ExportAllSegmentsToLabelmapNode(
        node, label_map, slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY)
    # All eight are there, so that the renumbering on export changes nothing.
    assert np.array_equal(slicer.util.arrayFromVolume(label_map), organs())


# Where things are.


def patient() -> Volume:
    """Labels in LPS: the liver to the patient's right, the spleen to the left, the aorta behind, unequal spacing."""
    labels = np.zeros((5, 7, 9), np.uint8)
    labels[1:4, 2:4, 1:4] = BY_NAME["liver"].value
    labels[2:5, 3:5, 7:8] = BY_NAME["spleen"].value
    labels[0:5, 5:6, 4:5] = BY_NAME["aorta"].value
    return Volume(labels, (2.0, 1.5, 4.0), (-8.0, -5.0, 100.0), np.eye(3))


def positions_ras(volume: Volume, value: int) -> np.ndarray:
    k, j, i = np.nonzero(volume.voxels == value)
    return (LPS_TO_RAS @ volume.ijk_to_lps @ np.stack([i, j, k, np.ones(len(i))]))[:3].T


def ordered(points: np.ndarray) -> np.ndarray:
    rounded = np.round(points, 4) + 0.0
    return rounded[np.lexsort(rounded.T)]


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_organs_end_up_where_they_are_in_the_patient_however_the_scan_is_stored(world, direction):
    scan = turned(patient(), direction)
    volume = world.volume_of(scan.with_voxels(np.zeros(scan.voxels.shape, np.int16)))
    node = write_segmentation_node(scan.voxels, volume, None, ABDOMEN_LABELS, "seg")
    for name in ("liver", "spleen", "aorta"):
        expected = positions_ras(patient(), BY_NAME[name].value)
        assert np.allclose(ordered(segment_ras(node, name)), ordered(expected), atol=1e-3)
    right, middle, left = (segment_ras(node, name)[:, 0].mean() for name in ("liver", "aorta", "spleen"))
    assert right > middle > left


@settings(max_examples=25, deadline=None)
@given(angles=st.tuples(ANGLE, ANGLE, ANGLE), axes=st.sampled_from(ORIENTATIONS), moved=st.booleans(),
       spacing_mm=st.tuples(*[st.floats(0.3, 8.0)] * 3), ijk=st.tuples(*[st.integers(0, 5)] * 3))
def test_a_label_painted_at_a_position_of_the_read_scan_lies_there_in_the_world(angles, axes, moved, spacing_mm, ijk):
    world = World()
    direction = rotation(angles[0], 0) @ rotation(angles[1], 1) @ rotation(angles[2], 2) @ axes
    volume = world.volume_of(Volume(np.zeros((6, 6, 6), np.int16), spacing_mm, (12.0, -7.0, 300.0), direction))
    if moved:
        volume.SetAndObserveTransformNodeID(world.transform(rigid(angles[::-1])).GetID())
    position = read_volume_node(volume).ijk_to_lps @ [*ijk, 1]
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[ijk[::-1]] = BY_NAME["liver"].value
    node = write_segmentation_node(labels, volume, None, ABDOMEN_LABELS, "seg")
    assert np.allclose(segment_ras(node, "liver"), [(LPS_TO_RAS @ position)[:3]], atol=1e-3)


def rigid(angles=(10.0, 20.0, 30.0), shift_mm=(5.0, -60.0, 20.0)) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(angles[0], 0) @ rotation(angles[1], 1) @ rotation(angles[2], 2)
    matrix[:3, 3] = shift_mm
    return matrix


def test_on_a_real_scan_the_liver_is_on_the_patients_right_and_as_dense_as_liver(world):
    volume = world.loaded(real_scan("totalseg_example_ct_sm.nii.gz"))
    reference = world.loaded(real_scan("totalseg_example_ct_sm_seg.nii.gz"), "vtkMRMLLabelMapVolumeNode")
    theirs = slicer.util.arrayFromVolume(reference)
    labels = np.zeros(theirs.shape, np.uint8)
    for value, name in ((1, "spleen"), (5, "liver")):
        labels[theirs == value] = BY_NAME[name].value
    node = write_segmentation_node(labels, volume, None, ABDOMEN_LABELS, "seg")
    liver, spleen = (segment_ras(node, name) for name in ("liver", "spleen"))
    assert liver[:, 0].mean() > spleen[:, 0].mean() + 100
    scan = read_volume_node(volume)
    ijk = np.linalg.inv(scan.ijk_to_lps) @ LPS_TO_RAS @ np.vstack([liver.T, np.ones(len(liver))])
    i, j, k = ijk[:3].round().astype(int)
    assert 40 < scan.voxels[k, j, i].mean() < 200


# Transforms.


@pytest.mark.parametrize("kind", ["rigid", "scaling", "warping"])
def test_under_any_transform_the_segmentation_moves_with_the_volume(world, kind):
    volume = a_ct(world)
    transform = {"rigid": lambda: world.transform(rigid()), "warping": lambda: world.warp((9.0, 0.0, -4.0), 0.1),
                 "scaling": lambda: world.transform(np.diag([1.3, 0.8, 1.0, 1.0]))}[kind]()
    volume.SetAndObserveTransformNodeID(transform.GetID())
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    assert node.GetParentTransformNode() is transform
    assert np.allclose(voxel_matrix(node, "liver"), AXIAL)
    assert_is(node, volume, organs())


def voxel_matrix(node, segment_id):
    matrix = vtk.vtkMatrix4x4()
    node.GetBinaryLabelmapInternalRepresentation(segment_id).GetImageToWorldMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def test_a_later_run_follows_the_volume_to_its_new_transform(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    transform = world.transform(rigid())
    volume.SetAndObserveTransformNodeID(transform.GetID())
    write_segmentation_node(organs(), volume, node, ABDOMEN_LABELS, "seg")
    assert node.GetParentTransformNode() is transform


@pytest.mark.parametrize("warped", [False, True])
def test_a_segmentation_with_the_users_segments_stays_and_new_organs_are_moved_into_it(world, warped):
    volume, node = a_ct(world), world.node("vtkMRMLSegmentationNode", "mine")
    add_segment(node, "tumour", organs() == BY_NAME["spleen"].value)
    tumour = ordered(segment_ras(node, "tumour"))
    transform = world.warp((6.0, 0.0, -3.0)) if warped else world.transform(rigid())
    volume.SetAndObserveTransformNodeID(transform.GetID())
    write_segmentation_node(organs("liver"), volume, node, table("liver"), "seg")
    assert node.GetParentTransformNode() is None
    assert np.array_equal(ordered(segment_ras(node, "tumour")), tumour)
    k, j, i = np.nonzero(organs("liver"))
    seen = np.array([transform.GetTransformToParent().TransformPoint(point) for point in
                     (AXIAL @ np.stack([i, j, k, np.ones(len(i))]))[:3].T])
    # A warped label map is resampled: its voxels may be half of one away.
    assert np.allclose(segment_ras(node, "liver").mean(0), seen.mean(0), atol=1.5 if warped else 1e-3)


# Later runs.


def test_a_second_run_replaces_and_does_not_pile_up(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    node.GetDisplayNode().SetSegmentVisibility("liver", False)
    nodes = world.scene.GetNumberOfNodes()
    mirrored = np.ascontiguousarray(organs()[:, :, ::-1])
    assert write_segmentation_node(mirrored, volume, node, ABDOMEN_LABELS, "other name") is node
    assert node.GetName() == "seg"
    assert (segment_ids(node), layers(node), world.scene.GetNumberOfNodes()) == (NAMES, 1, nodes)
    assert_is(node, volume, mirrored)
    assert not node.GetDisplayNode().GetSegmentVisibility("liver")


def test_an_organ_that_is_not_found_any_more_loses_its_segment(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    write_segmentation_node(organs("liver", "spleen"), volume, node, ABDOMEN_LABELS, "seg")
    assert segment_ids(node) == ["liver", "spleen"]
    assert_is(node, volume, organs("liver", "spleen"))


def test_organs_that_are_found_again_take_their_old_place(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    write_segmentation_node(organs("liver", "spleen"), volume, node, ABDOMEN_LABELS, "seg")
    write_segmentation_node(organs(), volume, node, ABDOMEN_LABELS, "seg")
    assert segment_ids(node) == NAMES
    assert_is(node, volume, organs())


def test_an_organ_that_is_asked_for_alone_takes_its_place_among_the_models(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs("aorta", "spleen"), volume, None, ABDOMEN_LABELS, "seg")
    new = at_once(crop_labels(organs("liver"), table("liver")))
    put_segments(new, volume, node, table("liver"), "seg", order=ABDOMEN_LABELS)
    assert segment_ids(node) == ["aorta", "liver", "spleen"]


def test_the_order_that_the_user_made_stays(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    add_segment(node, "tumour", organs() == BY_NAME["spleen"].value)
    node.GetSegmentation().SetSegmentIndex("stomach", 0)
    node.GetSegmentation().RemoveSegment("liver")
    write_segmentation_node(organs(), volume, node, ABDOMEN_LABELS, "seg")
    rest = [name for name in NAMES if name != "stomach"]
    assert segment_ids(node) == ["stomach", *rest, "tumour"]


def test_organs_that_were_not_asked_for_stay_and_all_share_one_layer(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    moved = np.roll(organs("liver"), 9, axis=2)
    write_segmentation_node(moved, volume, node, table("liver"), "seg")
    assert segment_ids(node) == NAMES
    assert layers(node) == 1
    assert_is(node, volume, np.maximum(moved, organs() * (organs() != BY_NAME["liver"].value)))


def test_a_run_for_each_organ_ends_in_one_layer(world):
    volume, node = a_ct(world), None
    for name in NAMES:
        node = write_segmentation_node(organs(name), volume, node, table(name), "seg")
    assert (segment_ids(node), layers(node)) == (NAMES, 1)
    assert_is(node, volume, organs())


def test_an_organ_that_overlaps_one_of_an_earlier_run_leaves_it_whole_on_its_own_layer(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs("liver", "spleen"), volume, None, ABDOMEN_LABELS, "seg")
    over_liver = np.where(organs("liver") > 0, BY_NAME["stomach"].value, 0).astype(np.uint8)
    write_segmentation_node(over_liver, volume, node, table("stomach"), "seg")
    assert layers(node) == 2
    for name, labels in (("liver", organs("liver")), ("spleen", organs("spleen")), ("stomach", over_liver)):
        assert np.array_equal(segment_mask(node, name, volume), labels > 0), name


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sets(st.sampled_from(NAMES), min_size=1), st.integers(0, 9)), min_size=2, max_size=4))
def test_whatever_is_asked_for_in_turn_the_last_answer_for_each_organ_stands(runs):
    world = World()
    volume, node, expected = a_ct(world), None, {}
    for names, shift in runs:
        labels = np.roll(organs(*sorted(names)), shift, axis=1)
        node = write_segmentation_node(labels, volume, node, table(*sorted(names)), "seg")
        expected.update({name: labels == BY_NAME[name].value for name in names})
    assert set(segment_ids(node)) == set(expected)
    for name, mask in expected.items():
        assert np.array_equal(segment_mask(node, name, volume), mask), name


def test_the_users_own_segments_are_not_touched(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    drawn = organs("liver") > 0  # inside an organ: it cannot share that one's layer
    add_segment(node, "tumour", drawn)
    image = node.GetBinaryLabelmapInternalRepresentation("tumour")
    for asked in (ABDOMEN_LABELS, table("spleen")):
        write_segmentation_node(organs(), volume, node, asked, "seg")
    tumour = node.GetSegmentation().GetSegment("tumour")
    assert (tumour.GetName(), tumour.GetColor()) == ("tumour", (0.1, 0.2, 0.3))
    assert node.GetBinaryLabelmapInternalRepresentation("tumour") is image
    assert np.array_equal(segment_mask(node, "tumour", volume), drawn)
    assert layers(node) == 2


def test_a_users_segment_that_shares_the_organs_layer_survives_a_run(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    drawn = np.zeros(SHAPE, bool)
    drawn[2:4, 2:4, 12:15] = True
    add_segment(node, "cyst", drawn)
    node.GetSegmentation().CollapseBinaryLabelmaps(False)
    assert layers(node) == 1
    write_segmentation_node(organs(), volume, node, ABDOMEN_LABELS, "seg")
    assert np.array_equal(segment_mask(node, "cyst", volume), drawn)
    assert_is(node, volume, organs())
    assert layers(node) == 2


def test_organs_of_another_scan_with_another_grid_stay_where_they_are(world):
    first, other = a_ct(world), world.volume(np.zeros(SHAPE, np.int16), AXIAL @ np.diag([1.1, 1.1, 1.0, 1.0]))
    node = write_segmentation_node(organs("spleen"), first, None, ABDOMEN_LABELS, "seg")
    write_segmentation_node(organs("liver"), other, node, table("liver"), "seg")
    assert np.allclose(voxel_matrix(node, "spleen"), AXIAL)
    assert np.array_equal(segment_mask(node, "spleen", first), organs("spleen") > 0)
    assert np.array_equal(segment_mask(node, "liver", other), organs("liver") > 0)


def test_a_segmentation_made_of_surfaces_is_left_alone_and_a_new_one_is_made(world):
    volume, surfaces = a_ct(world), world.node("vtkMRMLSegmentationNode", "planned")
    surfaces.GetSegmentation().SetSourceRepresentationName(SURFACE)
    node = write_segmentation_node(organs(), volume, surfaces, ABDOMEN_LABELS, "seg")
    assert node is not surfaces
    assert segment_ids(surfaces) == []
    assert_is(node, volume, organs())


def test_a_segmentation_that_was_deleted_meanwhile_is_made_anew(world):
    volume = a_ct(world)
    gone = world.node("vtkMRMLSegmentationNode", "gone")
    world.scene.RemoveNode(gone)
    node = write_segmentation_node(organs(), volume, gone, ABDOMEN_LABELS, "seg")
    assert node.GetScene() is world.scene
    assert node.GetName() == "seg"


def test_a_new_segmentation_gets_a_name_that_no_other_has(world):
    volume = a_ct(world)
    names = {write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg").GetName() for _ in range(2)}
    assert len(names) == 2


# Failures.


def test_a_failed_import_leaves_no_empty_segmentation_and_names_nobody(world, monkeypatch):
    refuse_imports(monkeypatch, segmentation_node)
    volume = a_ct(world)
    before = world.scene.GetNumberOfNodes()
    with pytest.raises(RuntimeError) as caught:
        write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "Miller^Anna segmentation")
    assert world.scene.GetNumberOfNodes() == before
    assert "Miller" not in str(caught.value)


@pytest.mark.parametrize("when", ["importing", "describing"])
def test_a_segmentation_that_was_there_keeps_its_segments_where_an_update_fails(world, monkeypatch, when):
    volume = a_ct(world)
    node = write_segmentation_node(organs("liver", "spleen"), volume, None, ABDOMEN_LABELS, "seg")
    before = world.scene.GetNumberOfNodes()
    if when == "importing":
        refuse_imports(monkeypatch, segmentation_node)
    else:
        monkeypatch.setattr(segmentation_node, "describe_segment", lambda *_: 1 / 0)
    with pytest.raises((RuntimeError, ZeroDivisionError)):
        write_segmentation_node(organs("liver", "aorta")[:, ::-1], volume, node, ABDOMEN_LABELS, "seg")
    assert (world.scene.GetNumberOfNodes(), layers(node)) == (before, 1)
    assert_is(node, volume, organs("liver", "spleen"))
    assert node.GetSegmentation().GetSegment("liver").GetName() == "Liver"


# 3-D, subject hierarchy, files.


def test_surfaces_are_made_when_asked_for_only_and_removed_again(world):
    node = write_segmentation_node(organs(), a_ct(world), None, ABDOMEN_LABELS, "seg")
    assert not node.GetSegmentation().ContainsRepresentation(SURFACE)
    show_3d(node, True)
    assert surface_points(node, "liver") > 0
    assert node.GetDisplayNode().GetVisibility3D()
    show_3d(node, False)
    assert not node.GetSegmentation().ContainsRepresentation(SURFACE)


def surface_points(node, segment_id):
    return node.GetSegmentation().GetSegment(segment_id).GetRepresentation(SURFACE).GetNumberOfPoints()


def test_surfaces_that_are_shown_follow_the_new_result(world):
    volume = a_ct(world)
    node = write_segmentation_node(organs("liver"), volume, None, ABDOMEN_LABELS, "seg")
    show_3d(node, True)
    write_segmentation_node(np.roll(organs(), 6, axis=2), volume, node, ABDOMEN_LABELS, "seg")
    assert min(surface_points(node, name) for name in NAMES) > 0
    surface = node.GetSegmentation().GetSegment("liver").GetRepresentation(SURFACE)
    middle = np.mean(np.reshape(surface.GetBounds(), (3, 2)), axis=1)
    assert np.allclose(middle, segment_ras(node, "liver").mean(0), atol=0.5)


def test_an_organ_beside_a_users_segment_with_a_surface_gets_one_too(world):
    volume, node = a_ct(world), world.node("vtkMRMLSegmentationNode", "mine")
    add_segment(node, "tumour", organs() == BY_NAME["spleen"].value)
    show_3d(node, True)
    write_segmentation_node(organs("liver"), volume, node, table("liver"), "seg")
    assert surface_points(node, "liver") > 0
    assert surface_points(node, "tumour") > 0


def test_the_segmentation_lies_beside_a_dicom_volume_in_its_study(world):
    volume, tree = a_ct(world), world.hierarchy
    study = tree.CreateStudyItem(tree.CreateSubjectItem(tree.GetSceneItemID(), "patient"), "study")
    tree.CreateItem(study, volume)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    assert tree.GetItemParent(tree.GetItemByDataNode(node)) == study


def test_a_folder_that_the_user_chose_for_the_segmentation_stays(world):
    volume, node, tree = a_ct(world), world.node("vtkMRMLSegmentationNode"), world.hierarchy
    tree.CreateItem(tree.CreateStudyItem(tree.GetSceneItemID(), "study"), volume)
    mine = tree.CreateFolderItem(tree.GetSceneItemID(), "mine")
    tree.CreateItem(mine, node)
    write_segmentation_node(organs(), volume, node, ABDOMEN_LABELS, "seg")
    assert tree.GetItemParent(tree.GetItemByDataNode(node)) == mine


@pytest.mark.parametrize("bundled", [False, True])
def test_a_saved_scene_has_names_colours_codes_geometry_and_voxels(world, tmp_path, bundled):
    volume = a_ct(world)
    node = write_segmentation_node(organs(), volume, None, ABDOMEN_LABELS, "seg")
    save(world, tmp_path, {volume: "scan.nrrd", node: "seg.seg.nrrd"}, bundled)
    again = opened(tmp_path, bundled)
    segmentation = again.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    scan = again.scene.GetFirstNodeByName("scan")
    assert (segment_ids(segmentation), layers(segmentation)) == (NAMES, 1)
    for label in ABDOMEN_LABELS:
        one, other = (each.GetSegmentation().GetSegment(label.name) for each in (node, segmentation))
        assert one.GetName() == other.GetName()
        assert one.GetTerminology() == other.GetTerminology()
        assert np.allclose(one.GetColor(), other.GetColor(), atol=1e-5)
    assert reference_volume(segmentation) is scan
    assert_is(segmentation, scan, organs())
    assert segment_ids(write_segmentation_node(organs("liver"), scan, segmentation, table("liver"), "seg")) == NAMES
    assert layers(segmentation) == 1


def save(world, folder, files, bundled):
    for node, file in files.items():
        node.AddDefaultStorageNode()
        node.GetStorageNode().SetFileName(str(folder / file))
        if not bundled:
            assert node.GetStorageNode().WriteData(node)
    if bundled:
        assert world.scene.WriteToMRB(str(folder / "scene.mrb"))
    else:
        world.scene.SetURL(str(folder / "scene.mrml"))
        assert world.scene.Commit()


def opened(folder, bundled):
    world = World()
    if bundled:
        # The application has these for what it downloads and unpacks.
        cache, io = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
        cache.SetRemoteCacheDirectory(str(folder))
        io.SetCacheManager(cache)
        world.scene.SetDataIOManager(io)
        assert world.scene.ReadFromMRB(str(folder / "scene.mrb"))
    else:
        world.scene.SetURL(str(folder / "scene.mrml"))
        assert world.scene.Connect()
    return world
