"""What the scene keeps of the panel."""

import pytest

from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes


@pytest.fixture
def parameters(host):
    return host.logic.getParameterNode()


def test_at_first_nothing_is_chosen_and_everything_is_wanted(parameters):
    assert (parameters.inputVolume, parameters.segmentation, parameters.organTable, parameters.roi) == (None,) * 4
    assert (parameters.model, list(parameters.leftOutOrgans)) == ("", [])
    assert (parameters.threads, parameters.sliceStepMm, parameters.postprocess) == (0, 0.0, True)
    assert (parameters.preview, parameters.useRoi) == (False, False)


def test_a_saved_scene_brings_everything_back(host, parameters, tmp_path):
    volume = ct_node()
    segmentation, table = result_nodes(volume, [organ_row("liver")])
    roi = host.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    parameters.inputVolume, parameters.segmentation, parameters.organTable, parameters.roi = (
        volume, segmentation, table, roi)
    parameters.model, parameters.leftOutOrgans = "own 2.0", ["spleen", "aorta"]
    parameters.threads, parameters.sliceStepMm, parameters.postprocess, parameters.useRoi = 3, 4.5, False, True
    names = [node.GetName() for node in (volume, segmentation, table, roi)]
    host.save_scene(tmp_path / "scene.mrml")
    host.close_scene()
    host.load_scene(tmp_path / "scene.mrml")
    loaded = host.logic.getParameterNode()
    nodes = (loaded.inputVolume, loaded.segmentation, loaded.organTable, loaded.roi)
    assert [node.GetName() for node in nodes] == names
    assert (loaded.model, list(loaded.leftOutOrgans)) == ("own 2.0", ["spleen", "aorta"])
    assert (loaded.threads, loaded.sliceStepMm, loaded.postprocess, loaded.useRoi) == (3, 4.5, False, True)
