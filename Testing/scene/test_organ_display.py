"""Which organs are shown, how strongly, and which one shines."""

import numpy as np
import pytest

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.slicer.scene.organ_display import (
    is_shown,
    let_shine,
    opacity_of,
    set_opacity,
    shining_organ,
    show_alike,
    show_organ,
)
from MISTKDSegmentLib.slicer.scene.segmentation_node import write_segmentation_node


@pytest.fixture
def node(world):
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1, 1, 1:4] = 5, 7, 1
    return write_segmentation_node(labels, world.volume(np.zeros((4, 5, 6), np.int16)), None, ABDOMEN_LABELS, "seg")


def fill(node):
    return {name: node.GetDisplayNode().GetSegmentOpacity2DFill(name) for name in ("aorta", "liver", "spleen")}


def surfaces(node):
    return {name: node.GetDisplayNode().GetSegmentOpacity3D(name) for name in ("aorta", "liver", "spleen")}


def test_an_organ_is_hidden_and_shown_again(node):
    show_organ(node, "liver", False)
    assert not node.GetDisplayNode().GetSegmentVisibility("liver")
    assert (is_shown(node, "liver"), is_shown(node, "spleen")) == (False, True)
    show_organ(node, "liver", True)
    assert is_shown(node, "liver")


def test_one_organ_of_a_hidden_segmentation_is_shown_alone(node):
    node.GetDisplayNode().SetVisibility(False)
    assert not is_shown(node, "liver")
    show_organ(node, "liver", True)
    assert (is_shown(node, "liver"), is_shown(node, "spleen")) == (True, False)


def test_opacity_is_that_of_the_whole_segmentation(node):
    assert opacity_of(node) == 1.0
    set_opacity(node, 0.4)
    assert node.GetDisplayNode().GetOpacity() == opacity_of(node) == 0.4


def test_the_one_that_shines_keeps_its_strength_and_the_others_lose_it(node):
    let_shine(node, "liver")
    assert shining_organ(node) == "liver"
    assert fill(node) == surfaces(node) == {"aorta": 0.25, "liver": 1.0, "spleen": 0.25}
    let_shine(node, "spleen")
    assert fill(node) == surfaces(node) == {"aorta": 0.25, "liver": 0.25, "spleen": 1.0}


def test_afterwards_all_have_what_they_had(node):
    node.GetDisplayNode().SetSegmentOpacity3D("aorta", 0.6)
    let_shine(node, "liver")
    show_alike(node)
    assert shining_organ(node) == ""
    assert fill(node) == {"aorta": 1.0, "liver": 1.0, "spleen": 1.0}
    assert surfaces(node) == {"aorta": 0.6, "liver": 1.0, "spleen": 1.0}
    show_alike(node)


def test_what_the_user_sets_meanwhile_stays(node):
    let_shine(node, "liver")
    node.GetDisplayNode().SetSegmentOpacity2DFill("spleen", 0.8)
    show_alike(node)
    assert fill(node)["spleen"] == 0.8


def test_a_scene_that_is_saved_meanwhile_knows_what_they_had(world, node, tmp_path):
    let_shine(node, "liver")
    world.scene.SetURL(str(tmp_path / "scene.mrml"))
    world.scene.Commit()
    again = type(world)()
    again.scene.SetURL(str(tmp_path / "scene.mrml"))
    again.scene.Import()
    loaded = again.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert shining_organ(loaded) == "liver"
    assert loaded.GetAttribute("MISTKDSegment.shine") == node.GetAttribute("MISTKDSegment.shine")


def test_an_attribute_that_makes_no_sense_is_passed_over(node):
    for kept in ("", "no json", "[1]"):
        node.SetAttribute("MISTKDSegment.shine", kept)
        assert shining_organ(node) == ""
        show_alike(node)
    assert fill(node)["liver"] == 1.0


def test_the_views_are_told_once(node):
    told = []
    node.GetDisplayNode().AddObserver("ModifiedEvent", lambda *_: told.append(1))
    let_shine(node, "liver")
    assert len(told) == 1
