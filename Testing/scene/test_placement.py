"""Where in the subject hierarchy results go."""

import numpy as np
import pytest

from MISTKDSegmentLib.slicer.scene.placement import in_scene, put_beside


@pytest.fixture
def volume(world):
    return world.volume(np.zeros((2, 2, 2), np.int16))


def test_without_the_hierarchy_nothing_is_put_into_it(world, volume):
    node = world.node("vtkMRMLTableNode")
    put_beside(node, volume)
    assert not world.hierarchy.GetItemByDataNode(node)


def test_a_result_at_the_top_moves_beside_its_volume(world, volume):
    tree, node = world.hierarchy, world.node("vtkMRMLTableNode")
    study = tree.CreateStudyItem(tree.GetSceneItemID(), "study")
    tree.CreateItem(study, volume)
    item = tree.CreateItem(tree.GetSceneItemID(), node)
    put_beside(node, volume)
    assert tree.GetItemParent(item) == study
    assert tree.GetItemByDataNode(node) == item


def test_the_volume_of_a_flat_scene_leaves_the_result_at_the_top(world, volume):
    tree, node = world.hierarchy, world.node("vtkMRMLTableNode")
    tree.CreateItem(tree.GetSceneItemID(), volume)
    put_beside(node, volume)
    assert tree.GetItemParent(tree.GetItemByDataNode(node)) == tree.GetSceneItemID()


def test_no_node_and_a_removed_node_are_not_in_a_scene(world, volume):
    assert in_scene(volume)
    world.scene.RemoveNode(volume)
    assert not in_scene(volume)
    assert not in_scene(None)
