"""What a change that fails leaves in the scene: nothing."""

import gc

import numpy as np
import pytest
import slicer
import vtk

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.slicer.scene.all_or_nothing import all_or_nothing, save_for_undo
from MISTKDSegmentLib.slicer.scene.segmentation_node import show_3d, write_segmentation_node
from Testing.scene.mrml import segment_ids, segment_mask

SHAPE = (4, 6, 6)


@pytest.fixture
def volume(world):
    return world.volume(np.zeros(SHAPE, np.int16))


def liver(volume, node=None):
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 2:4, 2:5] = 5
    return write_segmentation_node(labels, volume, node, ABDOMEN_LABELS, "seg")


def nodes(world):
    return [world.scene.GetNthNode(n) for n in range(world.scene.GetNumberOfNodes())]


def test_what_succeeds_stays(world):
    with all_or_nothing(world.scene):
        node = world.node("vtkMRMLTableNode")
    assert node in nodes(world)


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt])
def test_nodes_that_were_added_before_the_failure_are_removed_with_their_displays(world, volume, error):
    before = nodes(world)
    with pytest.raises(error), all_or_nothing(world.scene):
        node = world.node("vtkMRMLSegmentationNode")
        node.CreateDefaultDisplayNodes()
        node.AddDefaultStorageNode()
        raise error
    assert nodes(world) == before
    assert not world.hierarchy.GetItemByDataNode(node)


def test_a_singleton_that_the_application_made_meanwhile_stays(world):
    with pytest.raises(ValueError, match="no"), all_or_nothing(world.scene):
        view = slicer.vtkMRMLSliceNode()
        view.SetSingletonTag("Red")
        view = world.scene.AddNode(view)
        raise ValueError("no")
    assert view in nodes(world)


def test_a_segmentation_that_was_emptied_before_the_failure_is_as_it_was(world, volume):
    node, transform = liver(volume), world.transform(np.eye(4))
    show_3d(node, True)
    node.GetDisplayNode().SetSegmentVisibility("liver", False)
    before, mask = nodes(world), segment_mask(node, "liver", volume)
    with pytest.raises(ValueError, match="no"), all_or_nothing(world.scene, node):
        node.GetSegmentation().RemoveAllSegments()
        node.SetAndObserveTransformNodeID(transform.GetID())
        raise ValueError("no")
    assert (segment_ids(node), nodes(world)) == (["liver"], before)
    assert np.array_equal(segment_mask(node, "liver", volume), mask)
    assert node.GetSegmentation().ContainsRepresentation("Closed surface")
    assert not node.GetDisplayNode().GetSegmentVisibility("liver")
    assert (node.GetParentTransformNode(), node.GetName(), node.GetScene()) == (None, "seg", world.scene)


def test_the_copy_that_is_kept_meanwhile_is_freed(world, volume):
    def segmentations():
        return [each for each in gc.get_objects() if type(each) is type(node)]

    node, freed = liver(volume), []
    others = segmentations()
    with all_or_nothing(world.scene, node):
        copies = [each for each in segmentations() if all(each is not other for other in others)]
        assert [segment_ids(copy) for copy in copies] == [["liver"]]
        copies.pop().AddObserver(vtk.vtkCommand.DeleteEvent, lambda *_: freed.append(1))
    assert freed


def undoable(world, *class_names):
    """What an application does that wants undo for nodes of some classes."""
    world.scene.SetUndoOn()
    for name in class_names:
        default = world.scene.CreateNodeByClass(name)
        default.UnRegister(None)
        default.SetUndoEnabled(True)
        world.scene.AddDefaultNode(default)


def test_one_undo_takes_new_nodes_back(world, volume):
    undoable(world, "vtkMRMLSegmentationNode", "vtkMRMLSegmentationDisplayNode", "vtkMRMLTableNode")
    before = nodes(world)
    save_for_undo(world.scene, [None, None])
    liver(volume)
    world.node("vtkMRMLTableNode")
    world.scene.Undo()
    assert nodes(world) == before
    assert world.scene.GetNumberOfUndoLevels() == 0


def test_one_undo_takes_a_change_back_where_the_scene_keeps_undo_steps(world, volume):
    undoable(world, "vtkMRMLSegmentationNode", "vtkMRMLSegmentationDisplayNode")
    node = liver(volume)
    save_for_undo(world.scene, [node, None])
    write_segmentation_node(np.full(SHAPE, 7, np.uint8), volume, node, ABDOMEN_LABELS, "seg")
    assert segment_ids(node) == ["spleen"]
    world.scene.Undo()
    assert segment_ids(node) == ["liver"]


def test_an_undo_step_copies_what_changes_and_no_other_node(world, volume):
    undoable(world, "vtkMRMLTableNode")
    changing, other = world.node("vtkMRMLTableNode"), world.node("vtkMRMLTableNode")
    changing.SetDescription("before")
    other.SetDescription("before")
    save_for_undo(world.scene, [changing])
    changing.SetDescription("after")
    other.SetDescription("after")
    world.scene.Undo()
    assert (changing.GetDescription(), other.GetDescription()) == ("before", "after")
