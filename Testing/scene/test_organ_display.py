"""Which organs are shown, how strongly, and which one shines."""

import numpy as np
import pytest

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.slicer.scene.organ_display import Shine, is_shown, opacity_of, set_opacity, show_organ
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
    shine = Shine()
    shine.on(node, "liver")
    assert shine.segment_id == "liver"
    assert fill(node) == surfaces(node) == {"aorta": 0.25, "liver": 1.0, "spleen": 0.25}
    shine.on(node, "spleen")
    assert fill(node) == surfaces(node) == {"aorta": 0.25, "liver": 0.25, "spleen": 1.0}


def test_afterwards_all_have_what_they_had(node):
    node.GetDisplayNode().SetSegmentOpacity3D("aorta", 0.6)
    shine = Shine()
    shine.on(node, "liver")
    shine.off()
    assert shine.segment_id == ""
    assert fill(node) == {"aorta": 1.0, "liver": 1.0, "spleen": 1.0}
    assert surfaces(node) == {"aorta": 0.6, "liver": 1.0, "spleen": 1.0}


def test_what_the_user_sets_meanwhile_stays(node):
    shine = Shine()
    shine.on(node, "liver")
    node.GetDisplayNode().SetSegmentOpacity2DFill("spleen", 0.8)
    shine.off()
    assert fill(node)["spleen"] == 0.8


def test_a_segmentation_that_is_gone_is_no_problem(world, node):
    shine = Shine()
    shine.on(node, "liver")
    world.scene.RemoveNode(node)
    shine.off()
    shine.off()


def test_the_views_are_told_once(node):
    told, shine = [], Shine()
    node.GetDisplayNode().AddObserver("ModifiedEvent", lambda *_: told.append(1))
    shine.on(node, "liver")
    assert len(told) == 1
