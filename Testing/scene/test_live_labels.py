"""Labels of a run in the slice views: what is shown, and that nothing stays."""

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from MISTKDSegmentLib.inference.progress import Filled
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.slicer.scene.live_labels import LiveLabels
from Testing.lib.orientations import rotation
from Testing.scene.mrml import World

SHAPE = (4, 5, 6)
LABELS = np.arange(120, dtype=np.uint8).reshape(SHAPE) % 9


class Views:
    """A scan and two slice views, the first of which shows a label map of the user's."""

    def __init__(self, world: World) -> None:
        self.world, self.scene = world, world.scene
        self.volume = world.volume(np.zeros(SHAPE, np.int16), np.diag([-0.7, -0.8, 3.0, 1.0]))
        self.mine = world.volume(np.zeros(SHAPE, np.uint8), class_name="vtkMRMLLabelMapVolumeNode")
        self.first, self.second = self.view("Red"), self.view("Green")
        self.first.SetLabelVolumeID(self.mine.GetID())
        self.first.SetLabelOpacity(0.8)

    def view(self, layout_name):
        node = slicer.vtkMRMLSliceCompositeNode()
        node.SetLayoutName(layout_name)
        node.SetSingletonTag(layout_name)
        return self.scene.AddNode(node)

    @property
    def shown(self):
        return self.scene.GetNodeByID(self.second.GetLabelVolumeID())

    @property
    def nodes(self):
        return [self.scene.GetNthNode(n) for n in range(self.scene.GetNumberOfNodes())]


@pytest.fixture
def views(world) -> Views:
    return Views(world)


def test_all_slice_views_show_a_label_map_on_the_volumes_grid_in_the_organs_colours(views):
    views.volume.SetAndObserveTransformNodeID(views.world.transform(np.eye(4)).GetID())
    LiveLabels(views.volume, ABDOMEN_LABELS)
    shown, matrices = views.shown, [vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()]
    assert views.first.GetLabelVolumeID() == shown.GetID()
    for node, matrix in zip((views.volume, shown), matrices):
        node.GetIJKToRASMatrix(matrix)
    assert np.allclose(*map(slicer.util.arrayFromVTKMatrix, matrices))
    assert shown.GetParentTransformNode() is views.volume.GetParentTransformNode()
    assert shown.GetImageData().GetDimensions() == SHAPE[::-1]
    assert shown.GetImageData().GetScalarType() == vtk.VTK_UNSIGNED_CHAR
    for label in ABDOMEN_LABELS:
        color = [0.0] * 4
        shown.GetDisplayNode().GetColorNode().GetColor(label.value, color)
        assert [round(255 * channel) for channel in color] == [*label.color, 255]
    assert not slicer.util.arrayFromVolume(shown).any()


def test_an_oblique_left_handed_volume_has_its_labels_in_the_same_place(views):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(30, 0) @ rotation(50, 2) @ np.diag([0.7, 0.8, -3.0])
    LiveLabels(views.world.volume(np.zeros(SHAPE, np.int16), matrix), ABDOMEN_LABELS)
    seen = vtk.vtkMatrix4x4()
    views.shown.GetIJKToRASMatrix(seen)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(seen), matrix)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_only_the_new_slab_is_copied(views, axis):
    live, filled = LiveLabels(views.volume, ABDOMEN_LABELS), Filled(axis, 1, 3)
    live.update(LABELS, filled)
    expected = np.zeros(SHAPE, np.uint8)
    expected[filled.index] = LABELS[filled.index]
    assert np.array_equal(slicer.util.arrayFromVolume(views.shown), expected)


def test_without_a_slab_everything_is_copied(views):
    LiveLabels(views.volume, ABDOMEN_LABELS).update(LABELS, None)
    assert np.array_equal(slicer.util.arrayFromVolume(views.shown), LABELS)


def test_the_views_are_told_of_an_update(views):
    live, calls = LiveLabels(views.volume, ABDOMEN_LABELS), []
    image_time = views.shown.GetImageData().GetMTime()
    views.shown.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: calls.append(1))
    live.update(LABELS, Filled(0, 0, 1))
    assert calls
    assert views.shown.GetImageData().GetMTime() > image_time


def test_remove_gives_the_label_layers_back_and_leaves_no_node(views):
    before = views.nodes
    live = LiveLabels(views.volume, ABDOMEN_LABELS)
    live.update(LABELS, None)
    live.remove()
    assert views.nodes == before
    assert (views.first.GetLabelVolumeID(), views.first.GetLabelOpacity()) == (views.mine.GetID(), 0.8)
    assert (views.second.GetLabelVolumeID(), views.second.GetLabelOpacity()) == (None, 1.0)


def test_remove_and_update_after_remove_do_nothing(views):
    before, live = views.nodes, LiveLabels(views.volume, ABDOMEN_LABELS)
    live.remove()
    live.remove()
    live.update(LABELS, None)
    assert views.nodes == before


def test_what_the_user_chose_meanwhile_stays(views):
    live = LiveLabels(views.volume, ABDOMEN_LABELS)
    views.second.SetLabelVolumeID(views.mine.GetID())
    views.second.SetLabelOpacity(0.3)
    live.update(LABELS, None)
    live.remove()
    assert (views.second.GetLabelVolumeID(), views.second.GetLabelOpacity()) == (views.mine.GetID(), 0.3)


def test_a_view_that_came_to_the_labels_by_itself_is_emptied_and_no_node_stays(views):
    before, live = views.nodes, LiveLabels(views.volume, ABDOMEN_LABELS)
    linked = views.view("Yellow")
    linked.SetLabelVolumeID(views.shown.GetID())
    linked.SetLabelOpacity(0.5)
    live.remove()
    assert views.nodes == [*before, linked]
    assert (linked.GetLabelVolumeID(), linked.GetLabelOpacity()) == (None, 1.0)
    assert views.first.GetLabelVolumeID() == views.mine.GetID()


def test_no_node_stays_even_where_a_view_cannot_be_restored(views, monkeypatch):
    before, live = views.nodes, LiveLabels(views.volume, ABDOMEN_LABELS)
    monkeypatch.setattr(live, "_slice_views", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        live.remove()
    assert views.nodes == before


@pytest.mark.parametrize("taken_out", ["by data that was loaded", "with its node"])
def test_the_opacity_comes_back_where_the_labels_were_taken_out_of_the_views(views, taken_out):
    live = LiveLabels(views.volume, ABDOMEN_LABELS)
    if taken_out == "with its node":
        views.scene.RemoveNode(views.shown)
    for view in (views.first, views.second):
        view.SetLabelVolumeID(None)
    live.remove()
    assert (views.first.GetLabelVolumeID(), views.first.GetLabelOpacity()) == (None, 0.8)
    assert (views.second.GetLabelVolumeID(), views.second.GetLabelOpacity()) == (None, 1.0)


def test_a_view_that_is_opened_meanwhile_shows_the_labels_too_and_is_given_back(views):
    live = LiveLabels(views.volume, ABDOMEN_LABELS)
    third = views.view("Yellow")
    live.update(LABELS, None)
    assert third.GetLabelVolumeID() == views.shown.GetID()
    live.remove()
    assert (third.GetLabelVolumeID(), third.GetLabelOpacity()) == (None, 1.0)


def test_a_label_map_of_the_user_that_is_gone_is_not_brought_back(views):
    live = LiveLabels(views.volume, ABDOMEN_LABELS)
    views.scene.RemoveNode(views.mine)
    live.remove()
    new = views.world.volume(np.zeros(SHAPE, np.uint8), class_name="vtkMRMLLabelMapVolumeNode")
    assert views.first.GetLabelVolumeID() is None
    assert new.GetScene() is views.scene


def test_the_volume_may_go_first(views):
    before, live = views.nodes, LiveLabels(views.volume, ABDOMEN_LABELS)
    views.scene.RemoveNode(views.volume)
    live.update(LABELS, None)
    live.remove()
    assert views.nodes == [node for node in before if node is not views.volume]
    assert views.first.GetLabelVolumeID() == views.mine.GetID()


def test_its_own_nodes_may_be_deleted_by_somebody_else(views):
    before, live = views.nodes, LiveLabels(views.volume, ABDOMEN_LABELS)
    views.scene.RemoveNode(views.shown)
    live.update(LABELS, None)
    live.remove()
    assert views.nodes == before


def test_a_closed_scene_is_left_alone_even_where_new_nodes_have_old_ids(views):
    live = LiveLabels(views.volume, ABDOMEN_LABELS)
    views.scene.Clear(False)
    new = [views.world.volume(np.zeros(SHAPE, np.uint8), class_name="vtkMRMLLabelMapVolumeNode") for _ in range(3)]
    views.first.SetLabelVolumeID(new[1].GetID())
    before = views.nodes
    live.update(LABELS, None)
    live.remove()
    assert views.nodes == before
    assert views.first.GetLabelVolumeID() == new[1].GetID()
    assert not slicer.util.arrayFromVolume(new[1]).any()


def test_a_scene_that_is_gone_is_no_problem():
    world = World()
    live = LiveLabels(Views(world).volume, ABDOMEN_LABELS)
    world.scene.Clear(True)
    del world
    live.update(LABELS, None)
    live.remove()


def test_its_nodes_are_hidden_and_neither_saved_nor_undone(views, tmp_path):
    views.scene.SetUndoOn()
    before = views.nodes
    LiveLabels(views.volume, ABDOMEN_LABELS)
    added = [node for node in views.nodes if node not in before]
    assert len(added) == 3
    for node in added:
        assert node.GetHideFromEditors()
        assert not node.GetSaveWithScene()
        assert not node.GetUndoEnabled()
        assert not views.world.hierarchy.GetItemByDataNode(node)
    views.scene.SetURL(str(tmp_path / "scene.mrml"))
    views.scene.Commit()
    written = (tmp_path / "scene.mrml").read_text(encoding="utf-8")
    assert "MISTKDSegment preview" not in written
    assert "<SliceComposite" in written


def test_its_nodes_are_freed_and_not_only_taken_out_of_the_scene(views):
    live = LiveLabels(views.volume, ABDOMEN_LABELS)
    freed = []
    views.shown.AddObserver(vtk.vtkCommand.DeleteEvent, lambda *_: freed.append(1))
    live.remove()
    assert freed


def test_an_update_is_seen_in_a_slice_view_and_gone_after_remove(world):
    colors = slicer.vtkMRMLColorLogic()
    colors.SetMRMLScene(world.scene)
    volume = world.volume(np.zeros((20, 64, 64), np.int16), np.diag([-1.0, -1.0, 2.0, 1.0]))
    volume.CreateDefaultDisplayNodes()
    picture = axial_picture(world, volume, (-31.0, -31.0, 20.0))
    live, labels = LiveLabels(volume, ABDOMEN_LABELS), np.zeros((20, 64, 64), np.uint8)
    labels[10, 20:40, 20:40] = 5
    empty = picture()
    live.update(labels, Filled(0, 10, 11))
    with_liver = picture()
    live.remove()
    changed = (with_liver != empty).any(axis=2)
    assert changed.sum() == (20 * 128 // 80) ** 2  # 20 mm of 80 mm in 128 pixels
    assert np.allclose(with_liver[changed], np.array(ABDOMEN_LABELS[4].color) / 2, atol=1)
    assert np.array_equal(picture(), empty)


def axial_picture(world, volume, at_ras):
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(world.application)
    logic.SetMRMLScene(world.scene)
    view = logic.AddSliceNode("Red")
    logic.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    view.SetDimensions(128, 128, 1)
    view.SetFieldOfView(80, 80, 1)
    view.SetOrientation("Axial")
    view.JumpSliceByCentering(*at_ras)
    return lambda: pixels(logic)


def pixels(logic):
    logic.UpdatePipeline()
    logic.GetBlend().Update()
    image = logic.GetBlend().GetOutput()
    columns, rows, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, -1)[..., :3].astype(int)
