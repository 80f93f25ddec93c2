"""Which results belong to which volume."""

import pytest

from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes


@pytest.fixture
def outputs(host):
    from MISTKDSegmentLib.slicer.panel import outputs
    return outputs


def test_a_segmentation_remembers_its_table_and_volume(outputs):
    volume = ct_node()
    segmentation, table = result_nodes(volume, [organ_row("liver")])
    assert outputs.table_of(segmentation) is None
    outputs.remember(segmentation, table)
    assert outputs.table_of(segmentation) is table
    assert outputs.volume_of(segmentation) is volume


def test_no_segmentation_has_no_table(outputs):
    assert outputs.table_of(None) is None


def test_the_last_segmentation_of_this_module_is_found(host, outputs):
    first, second = ct_node("first"), ct_node("second")
    for volume in (first, first, second):
        segmentation, table = result_nodes(volume, [organ_row("liver")])
        outputs.remember(segmentation, table)
        if volume is first:
            last = segmentation
    assert outputs.segmentation_of(first, host.scene) is last
    assert outputs.segmentation_of(None, host.scene) is None


def test_a_segmentation_that_a_person_drew_is_left_alone(host, outputs):
    volume = ct_node()
    result_nodes(volume, [organ_row("liver")])
    assert outputs.segmentation_of(volume, host.scene) is None


def test_only_a_segmentation_of_another_volume_is_of_another(host, outputs):
    volume, other = ct_node(), ct_node("other")
    segmentation, _table = result_nodes(volume, [organ_row("liver")])
    empty = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert outputs.is_of_another(segmentation, other)
    assert not outputs.is_of_another(segmentation, volume)
    assert not outputs.is_of_another(empty, volume)
    assert not outputs.is_of_another(None, volume)
