"""The node selector on a real scene."""

from __future__ import annotations

import pytest

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


@pytest.fixture
def selector(bare):
    import slicer
    made = slicer.qMRMLNodeComboBox()
    made.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    made.noneEnabled = True
    made.setMRMLScene(bare.scene)
    return made


@pytest.fixture
def changes(selector):
    got = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", got.append)
    return got


def add(host, name="CT", kind="vtkMRMLScalarVolumeNode"):
    return host.scene.AddNewNodeByClass(kind, name)


def test_it_lists_the_nodes_of_its_types(bare, selector):
    add(bare, "CT")
    add(bare, "Seg", "vtkMRMLSegmentationNode")
    assert selector.nodeCount() == 1 and selector._inner.item_texts()[:2] == ["None", "CT"]


def test_child_types_are_listed_only_when_wanted(bare, selector):
    add(bare, "Labels", "vtkMRMLLabelMapVolumeNode")
    assert selector.nodeCount() == 1
    selector.showChildNodeTypes = False
    assert selector.nodeCount() == 0


def test_hidden_nodes_are_not_listed(bare, selector):
    node = add(bare)
    node.SetHideFromEditors(True)
    assert selector.nodeCount() == 0
    selector.showHidden = True
    assert selector.nodeCount() == 1


def test_without_none_the_first_node_is_chosen(bare, selector, changes):
    selector.noneEnabled = False
    node = add(bare)
    assert selector.currentNode() is node and changes == [node] and selector.currentNodeID == node.GetID()


def test_with_none_nothing_is_chosen_by_itself(bare, selector, changes):
    add(bare)
    assert selector.currentNode() is None and changes == []


def test_removing_the_chosen_node_is_told(bare, selector, changes):
    node = add(bare)
    selector.setCurrentNode(node)
    bare.scene.RemoveNode(node)
    assert selector.currentNode() is None and changes == [node, None]


@pytest.mark.parametrize(("removed", "chosen"), [(1, 2), (2, 1)])
def test_the_neighbour_of_a_removed_node_is_chosen_as_qt_does(bare, selector, changes, removed, chosen):
    nodes = [add(bare, f"CT {index}") for index in range(3)]
    selector.setCurrentNode(nodes[removed])
    bare.scene.RemoveNode(nodes[removed])
    assert selector.currentNode() is nodes[chosen] and changes[1:] == [nodes[chosen]]


def test_the_neighbour_is_chosen_while_the_node_is_still_there_and_after_who_comes_first(bare, selector):
    first, second = add(bare, "first"), add(bare, "second")
    selector.setCurrentNode(second)
    heard = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: heard.append(second.GetScene() is bare.scene))
    bare.scene.AddObserver(bare.scene.NodeAboutToBeRemovedEvent, lambda *_: heard.append("observer"))
    bare.scene.RemoveNode(second)
    assert heard == ["observer", True] and selector.currentNode() is first


def test_without_none_no_neighbour_of_the_first_node_is_chosen(bare, selector, changes):
    selector.noneEnabled = False
    nodes = [add(bare, f"CT {index}") for index in range(2)]
    bare.scene.RemoveNode(nodes[0])
    nodes[1].SetName("renamed")
    assert selector.currentNode() is None and changes[-1] is None


def test_closing_the_scene_is_told_once(bare, selector, changes):
    selector.setCurrentNode(add(bare))
    add(bare, "Other")
    bare.close_scene()
    assert selector.nodeCount() == 0 and changes[1:] == [None]


def test_a_new_name_is_shown(bare, selector):
    node = add(bare)
    node.SetName("Renamed")
    assert "Renamed" in selector._inner.item_texts()


def test_create_new_adds_a_node_and_chooses_it(bare, selector, changes):
    selector.baseName = "Result"
    added = []
    selector.connect("nodeAddedByUser(vtkMRMLNode*)", added.append)
    selector._inner.activate("Create new Volume")
    assert changes == added == [selector.currentNode()] and added[0].GetName() == "Result"


def test_create_new_is_not_offered_when_switched_off(selector):
    selector.addEnabled = False
    assert selector._inner.item_texts() == ["None"]


def test_renaming_asks_for_the_name(bare, selector):
    selector.renameEnabled = True
    selector.setCurrentNode(add(bare))
    bare.dialogs.expect("Rename", "Better name", kind="getText")
    selector._inner.activate("Rename current Volume")
    assert selector.currentNode().GetName() == "Better name"


def test_attributes_limit_what_is_listed(bare, selector):
    selector.addAttribute("vtkMRMLScalarVolumeNode", "Modality", "CT")
    add(bare, "MR").SetAttribute("Modality", "MR")
    node = add(bare, "CT")
    node.SetAttribute("Modality", "CT")
    assert selector.nodeCount() == 1 and selector.nodeFromIndex(0) is node


def test_an_empty_selector_says_what_to_select(selector):
    selector.noneEnabled = False
    assert selector._inner.current_text() == "Select a Volume"
