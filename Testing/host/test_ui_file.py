"""Loading .ui files, and what is refused in them."""

from __future__ import annotations

import pytest

from Testing.host import NEEDS_HOST
from Testing.host.small_panel import form

pytestmark = NEEDS_HOST


def write(tmp_path, text):
    path = tmp_path / "form.ui"
    path.write_text(text, encoding="utf-8")
    return str(path)


def load(tmp_path, text):
    import slicer
    return slicer.util.loadUI(write(tmp_path, text))


def test_named_children_become_attributes(bare, tmp_path):
    import slicer
    ui = slicer.util.childWidgetVariables(load(tmp_path, form()))
    assert type(ui.volumeSelector) is slicer.qMRMLNodeComboBox and ui.applyButton.text == "Apply"
    assert ui.volumeSelector.nodeTypes == ["vtkMRMLScalarVolumeNode"]
    assert ui.threads.property("SlicerParameterName") == "threads"


def test_the_scene_reaches_the_selectors_through_the_connections_of_the_file(bare, tmp_path):
    import slicer
    widget = load(tmp_path, form())
    widget.setMRMLScene(bare.scene)
    assert slicer.util.childWidgetVariables(widget).volumeSelector.mrmlScene() is bare.scene


@pytest.mark.parametrize(("old", "new", "message"), [
    ('"noneEnabled"', '"noneAllowed"', "no such property"),
    ('class="qMRMLNodeComboBox" name="volumeSelector"', 'class="qMRMLNodeBox" name="volumeSelector"',
     "does not list"),
    ("<receiver>volumeSelector", "<receiver>nobody", "no widget of that name"),
])
def test_what_slicer_would_not_know_is_refused(bare, tmp_path, old, new, message):
    with pytest.raises(AssertionError, match=message):
        load(tmp_path, form().replace(old, new))


def test_a_slot_that_slicer_would_not_know_is_refused(bare, tmp_path):
    with pytest.raises(AttributeError, match=r"does not exist on slicer\.qMRMLNodeComboBox"):
        load(tmp_path, form(slot="setScene(vtkMRMLScene*)"))


def test_a_missing_file_is_said_as_in_slicer(bare):
    import slicer
    with pytest.raises(RuntimeError, match="file not found"):
        slicer.util.loadUI("/no/such.ui")
