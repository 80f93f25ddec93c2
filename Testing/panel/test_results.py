"""What a person does with the results."""

from dataclasses import replace

import pytest
import slicer

from MISTKDSegmentLib.report.quality import Quality
from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes
from Testing.panel.patients import slice_view

ORGAN, QUALITY = 1, 4
DOUBTS = (("Orientation unclear", "The file does not say which side is left."), ("HU shifted", "Air is at 0 HU."))


@pytest.fixture
def ui(host):
    host.widget.ui.resultsCollapsibleButton.collapsed = False
    return host.widget.ui


@pytest.fixture
def panel(host):
    ct_node("scan")
    host.pump()
    return host.widget.panel


@pytest.fixture
def results(host, panel):
    """Liver and spleen, a voxel each: at (0, 0, 0) and (1, 0, 0)."""
    from MISTKDSegmentLib.slicer.panel import outputs
    rows = [organ_row("liver", 1500.0), organ_row("spleen", 200.0)]
    segmentation, table = result_nodes(panel.parameters.inputVolume, rows)
    outputs.remember(segmentation, table)
    panel.parameters.segmentation, panel.parameters.organTable = segmentation, table
    host.pump()
    return segmentation, table


def click(ui, row):
    ui.resultsTable._inner.cellClicked.emit(row, ORGAN)


def fill(segmentation):
    return [segmentation.GetDisplayNode().GetSegmentOpacity2DFill(name) for name in ("liver", "spleen")]


def test_a_click_on_an_organ_goes_there_and_lets_it_shine(host, ui, results):
    slice_view(host.scene, "Red").SetSliceOffset(50.0)
    slice_view(host.scene, "Yellow").SetSliceOffset(50.0)
    click(ui, 1)
    assert slice_view(host.scene, "Red").GetSliceToRAS().GetElement(2, 3) == pytest.approx(0.0)
    assert slice_view(host.scene, "Yellow").GetSliceToRAS().GetElement(0, 3) == pytest.approx(1.0)
    assert fill(results[0]) == [0.25, 1.0]


def test_a_second_click_shows_all_alike_and_a_click_on_another_one_goes_on(ui, results):
    click(ui, 0)
    click(ui, 1)
    assert fill(results[0]) == [0.25, 1.0]
    click(ui, 1)
    assert fill(results[0]) == [1.0, 1.0]


def test_a_hidden_organ_is_shown_when_it_is_gone_to(ui, results):
    results[0].GetDisplayNode().SetSegmentVisibility("spleen", False)
    click(ui, 1)
    assert results[0].GetDisplayNode().GetSegmentVisibility("spleen")


def test_a_tick_hides_and_shows_an_organ_and_nothing_else(host, ui, results):
    offset = slice_view(host.scene, "Red").GetSliceOffset()
    ui.resultsTable.cellWidget(0, 0).click()
    assert not results[0].GetDisplayNode().GetSegmentVisibility("liver")
    assert fill(results[0]) == [1.0, 1.0]
    assert slice_view(host.scene, "Red").GetSliceOffset() == offset
    host.pump()
    ui.resultsTable.cellWidget(0, 0).click()
    assert results[0].GetDisplayNode().GetSegmentVisibility("liver")


def test_what_is_hidden_elsewhere_is_unticked(host, ui, results):
    results[0].GetDisplayNode().SetSegmentVisibility("liver", False)
    host.pump()
    assert not ui.resultsTable.cellWidget(0, 0).checked


def test_the_slider_sets_the_opacity_and_follows_it(host, ui, results):
    ui.opacitySlider.setValue(40)
    assert results[0].GetDisplayNode().GetOpacity() == pytest.approx(0.4)
    results[0].GetDisplayNode().SetOpacity(0.9)
    host.pump()
    assert ui.opacitySlider.value == 90


def test_the_organ_that_shines_is_opened_in_the_segment_editor(host, ui, panel, results):
    click(ui, 1)
    host.click("editButton")
    assert host.selected_module == "SegmentEditor"
    editor = host.scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    assert editor.GetSegmentationNode() is results[0]
    assert editor.GetSourceVolumeNode() is panel.parameters.inputVolume
    assert editor.GetSelectedSegmentID() == "spleen"
    assert fill(results[0]) == [1.0, 1.0]


@pytest.mark.parametrize("happens", [
    lambda host, panel: host.leave_module(),
    lambda host, panel: setattr(panel.parameters, "segmentation", None),
    lambda host, panel: host.click("segmentButton") or host.click("segmentButton"),
    lambda host, panel: host.widget.cleanup(),
], ids=["another module", "another segmentation", "a run", "reload"])
def test_no_organ_shines_afterwards(host, ui, panel, results, happens):
    click(ui, 0)
    happens(host, panel)
    assert fill(results[0]) == [1.0, 1.0]


def test_a_scene_that_is_saved_meanwhile_can_be_shown_alike_later(host, ui, results, tmp_path):
    click(ui, 0)
    host.save_scene(tmp_path / "scene.mrml")
    host.close_scene()
    host.load_scene(tmp_path / "scene.mrml")
    host.pump()
    segmentation = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert fill(segmentation) == [1.0, 0.25]
    click(ui, 0)
    assert fill(segmentation) == [1.0, 1.0]


def test_an_organ_that_is_deleted_elsewhere_is_no_longer_to_be_clicked(host, ui, results):
    results[0].GetSegmentation().RemoveSegment("spleen")
    host.pump()
    assert ui.resultsTable.cellWidget(1, 0) is None
    click(ui, 1)
    assert fill(results[0])[0] == 1.0


def doubtful(host, panel):
    from MISTKDSegmentLib.slicer.scene.organ_table_node import write_table_node
    write_table_node([organ_row("liver")], panel.parameters.organTable, "", panel.parameters.inputVolume, DOUBTS)
    panel.refresh()
    host.pump()


def test_doubts_stand_in_one_line_and_why_explains_them(host, ui, panel, results):
    assert not ui.doubtsLabel.visible
    doubtful(host, panel)
    assert ui.doubtsLabel.visible
    assert "Orientation unclear · HU shifted" in ui.doubtsLabel.text
    assert "which side is left" not in ui.doubtsLabel.text
    ui.doubtsLabel._inner.linkActivated.emit("why")
    assert all(why in ui.doubtsLabel.text for _short, why in DOUBTS)
    ui.doubtsLabel._inner.linkActivated.emit("why")
    assert "which side is left" not in ui.doubtsLabel.text


def test_no_line_is_left_where_nothing_is_doubtful(host, ui, results):
    ui.resultsCollapsibleButton.collapsed = True
    ui.resultsCollapsibleButton.collapsed = False
    assert not ui.doubtsLabel.visible
    assert ui.doubtsLabel.text == ""


def test_doubts_go_with_their_result(host, ui, panel, results):
    doubtful(host, panel)
    panel.parameters.segmentation = None
    assert not ui.doubtsLabel.visible


def test_an_explanation_that_begins_with_the_doubt_says_it_once(host, ui, panel, results):
    from MISTKDSegmentLib.slicer.scene.organ_table_node import write_table_node
    doubts = (("The orientation is doubtful", "The orientation is doubtful: the spine lies in front."),)
    write_table_node([], panel.parameters.organTable, "", panel.parameters.inputVolume, doubts)
    panel.refresh()
    ui.doubtsLabel._inner.linkActivated.emit("why")
    assert ui.doubtsLabel.text.count("The orientation is doubtful") == 2
    assert "the spine lies in front." in ui.doubtsLabel.text


def test_what_a_doubt_says_is_text_and_no_markup(host, ui, panel, results):
    from MISTKDSegmentLib.slicer.scene.organ_table_node import write_table_node
    write_table_node([], panel.parameters.organTable, "", panel.parameters.inputVolume, (("HU < -1024", "a & b"),))
    panel.refresh()
    assert "HU &lt; -1024" in ui.doubtsLabel.text


def test_a_click_on_look_goes_to_where_it_is_least_sure(host, ui, panel):
    from MISTKDSegmentLib.slicer.panel import outputs
    unsure = replace(organ_row("liver", 1500.0), quality=Quality("look", 0.7, True, (), (-2.0, 1.0, 9.0)))
    lost = replace(organ_row("spleen", 0.0, None, 0), quality=Quality("poor", 0.2, False, (), (-1.0, -1.0, 6.0)))
    segmentation, table = result_nodes(panel.parameters.inputVolume, [unsure, lost])
    outputs.remember(segmentation, table)
    panel.parameters.segmentation, panel.parameters.organTable = segmentation, table
    host.pump()
    ui.resultsTable._inner.cellClicked.emit(0, QUALITY)
    red, yellow = slice_view(host.scene, "Red"), slice_view(host.scene, "Yellow")
    # LPS to RAS: left and posterior change their signs.
    assert red.GetSliceToRAS().GetElement(2, 3) == pytest.approx(9.0)
    assert yellow.GetSliceToRAS().GetElement(0, 3) == pytest.approx(2.0)
    ui.resultsTable._inner.cellClicked.emit(1, QUALITY)
    assert red.GetSliceToRAS().GetElement(2, 3) == pytest.approx(6.0)
