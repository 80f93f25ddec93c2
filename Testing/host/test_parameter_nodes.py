"""Parameter nodes: what is kept, refused, shown in widgets, and restored from a file."""

from __future__ import annotations

from typing import Optional

import pytest

from Testing.host import NEEDS_HOST
from Testing.host.fixture import open_host
from Testing.host.small_panel import write_small_panel

pytestmark = NEEDS_HOST


def wrapped(annotations, **defaults):
    from slicer.parameterNodeWrapper import parameterNodeWrapper
    return parameterNodeWrapper(type("Parameters", (), {"__annotations__": annotations, **defaults}))


@pytest.fixture
def node(bare):
    return bare.scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")


def test_defaults_are_written_into_the_node(bare, node):
    parameters = wrapped({"threads": int, "names": list[str]}, threads=3)(node)
    assert (parameters.threads, list(parameters.names)) == (3, [])
    assert (node.GetParameter("threads"), node.GetParameter("names_len")) == ("3", "0")


def test_nodes_are_kept_by_reference(bare, node):
    import slicer
    parameters = wrapped({"volume": slicer.vtkMRMLScalarVolumeNode})(node)
    volume = bare.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    parameters.volume = volume
    assert node.GetNodeReferenceID("volume") == volume.GetID()
    bare.scene.RemoveNode(volume)
    assert parameters.volume is None


def test_a_value_of_the_wrong_type_is_refused(bare, node):
    parameters = wrapped({"threads": int, "title": str})(node)
    with pytest.raises(TypeError):
        parameters.threads = "3"
    with pytest.raises(ValueError):
        parameters.title = None


def test_changing_a_list_changes_the_node(bare, node):
    parameters = wrapped({"names": list[str]})(node)
    parameters.names.append("liver")
    parameters.names = [*parameters.names, "spleen"]
    assert node.GetParameter("names_1") == "spleen" and parameters.names == ["liver", "spleen"]
    with pytest.raises(NotImplementedError):
        parameters.names + ["x"]


def test_optional_values_may_be_none(bare, node):
    parameters = wrapped({"step": Optional[float]})(node)
    assert parameters.step is None
    parameters.step = 2.5
    assert parameters.step == 2.5


def test_unions_of_the_new_form_are_refused_as_in_slicer(bare):
    with pytest.raises(Exception, match="Unable to create serializer"):
        wrapped({"step": int | None})


def test_a_range_is_checked(bare, node):
    from typing import Annotated

    from slicer.parameterNodeWrapper import WithinRange
    parameters = wrapped({"threads": Annotated[int, WithinRange(0, 8)]})(node)
    with pytest.raises(ValueError):
        parameters.threads = 9


def test_one_change_is_one_event(bare, node):
    parameters = wrapped({"a": int, "b": int})(node)
    events = []
    parameters.AddObserver("ModifiedEvent", lambda caller, event: events.append(event))
    import slicer
    with slicer.util.NodeModify(parameters):
        parameters.a, parameters.b = 1, 2
    assert len(events) == 1


def test_widgets_and_parameters_follow_each_other(small):
    parameters = small.widget.parameters
    assert (small.ui.threads.value, small.ui.threads.maximum, small.ui.step.value) == (2, 8, 1.5)
    small.ui.threads.value = 5
    parameters.title = "new"
    assert parameters.threads == 5 and small.ui.title.text == "new"


def test_a_disconnected_gui_is_left_alone(small):
    import slicer
    parameters = small.module.Parameters(slicer.vtkMRMLScriptedModuleNode())
    tag = parameters.connectParametersToGui({"title": small.ui.title})
    parameters.disconnectGui(tag)
    small.ui.title.text = "typed later"
    assert parameters.title == "x"


def test_a_pair_that_slicer_cannot_connect_is_refused(small):
    with pytest.raises(RuntimeError, match="Unable to create GUI connector"):
        small.widget.parameters.connectParametersToGui({"names": small.ui.title})


@pytest.mark.parametrize("ending", ["mrml", "mrb"])
def test_a_saved_scene_brings_the_parameters_back(tmp_path, ending):
    import numpy as np
    module_file, saved = write_small_panel(tmp_path / "SmallPanel"), tmp_path / "saved" / f"scene.{ending}"
    saved.parent.mkdir()
    with open_host(module_file) as host:
        import slicer
        volume = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16), name="CT")
        host.choose("volumeSelector", volume)
        host.widget.parameters.names = ["liver", "spleen"]
        host.ui.tidy.checked = False
        host.save_scene(saved)
    with open_host(module_file) as host:
        host.load_scene(saved)
        host.widget.connectParameters()
        parameters = host.widget.parameters
        assert parameters.volume.GetName() == "CT" and parameters.names == ["liver", "spleen"]
        assert not host.ui.tidy.checked and host.ui.volumeSelector.currentNode() is parameters.volume


def test_what_was_connected_once_is_never_forgotten_as_in_slicer(small):
    import gc
    import weakref

    import slicer
    node = small.scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    connected, unconnected = small.module.Parameters(node), small.module.Parameters(node)
    connected.disconnectGui(connected.connectParametersToGui({"title": small.ui.title}))
    living = [weakref.ref(connected), weakref.ref(unconnected)]
    del connected, unconnected
    gc.collect()
    assert [reference() is None for reference in living] == [False, True]
    assert slicer.mrmlScene is small.scene
