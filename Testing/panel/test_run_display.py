"""A run, seen from the panel."""

import re

import pytest

from Testing.conftest import write_tiny_bundle
from Testing.panel.children import idle
from Testing.panel.made_up_nodes import ct_node

LIVER_HU = 150


@pytest.fixture
def ui(host):
    return host.widget.ui


@pytest.fixture
def panel(host, tmp_path):
    """The panel, with a CT all of liver and a model so small that a run takes the time that its process takes."""
    panel = host.widget.panel
    host.logic.addModel(write_tiny_bundle(tmp_path / "tiny"))
    panel.models.fill(panel.logic.models())
    ct_node("scan", LIVER_HU)
    host.pump()
    panel.parameters.model = "tiny 1.0"
    return panel


def node_ids(scene):
    return [scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())]


def run_to_end(host, panel):
    host.click("segmentButton")
    host.pump(until=lambda: panel.running.run is None, timeout_s=30)


def test_a_run_ends_with_organs_a_table_and_a_sentence(host, ui, panel):
    run_to_end(host, panel)
    assert ui.statusLabel.text.startswith("Done in ")
    assert "1 of 2 organs found" in ui.statusLabel.text
    segmentation = panel.parameters.segmentation
    assert segmentation.GetSegmentation().GetSegment("liver").GetName() == "Liver"
    assert ui.segmentationSelector.currentNode() is segmentation
    assert [ui.resultsTable.item(row, 1).text() for row in (0, 2)] == ["Liver", "Spleen"]
    assert not ui.progressBar.visible
    assert ui.segmentButton.text == "Segment abdomen"


def test_meanwhile_the_button_cancels_and_everything_else_waits(host, ui, panel):
    host.click("segmentButton")
    assert ui.segmentButton.text == "Cancel"
    assert ui.segmentButton.enabled
    assert not ui.inputVolumeSelector.enabled
    assert ui.statusLabel.text == "Starting the model…"
    assert not ui.progressBar.isHidden()
    host.click("segmentButton")


def test_cancelling_leaves_the_scene_as_it_was(host, ui, panel):
    before = node_ids(host.scene)
    host.click("segmentButton")
    host.click("segmentButton")
    host.pump()
    assert node_ids(host.scene) == before
    assert ui.statusLabel.text == "Cancelled; the scene is as it was before."
    assert ui.inputVolumeSelector.enabled
    assert ui.progressBar.isHidden()


def test_a_second_run_updates_the_first(host, panel):
    run_to_end(host, panel)
    segmentation, table, nodes = panel.parameters.segmentation, panel.parameters.organTable, node_ids(host.scene)
    run_to_end(host, panel)
    assert panel.parameters.segmentation is segmentation
    assert panel.parameters.organTable is table
    assert node_ids(host.scene) == nodes


def test_a_failure_is_said_and_the_next_run_can_start(host, ui, panel):
    model = panel.models.chosen().folder / "model.onnx"
    content = model.read_bytes()
    model.write_bytes(b"damaged")
    before = node_ids(host.scene)
    run_to_end(host, panel)
    assert "model.onnx does not match" in ui.statusLabel.text.replace("\u200b", "")
    assert node_ids(host.scene) == before
    model.write_bytes(content)
    run_to_end(host, panel)
    assert ui.statusLabel.text.startswith("Done in ")


def test_deleting_the_volume_ends_the_run(host, ui, panel):
    host.click("segmentButton")
    host.scene.RemoveNode(panel.parameters.inputVolume)
    host.pump()
    assert panel.running.run is None
    assert ui.statusLabel.text == "Cancelled: The volume scan was removed."


def test_closing_the_scene_ends_the_run(host, ui, panel):
    host.click("segmentButton")
    host.close_scene()
    host.pump()
    assert panel.running.run is None
    assert ui.statusLabel.text == "Cancelled: The scene was closed."


def test_a_run_outlives_a_change_of_module(host, ui, panel):
    host.click("segmentButton")
    host.widget.exit()
    host.pump(until=lambda: panel.running.run is None, timeout_s=30)
    host.widget.enter()
    assert ui.statusLabel.text.startswith("Done in ")


def import_a_scene(host):
    host.scene.StartState(host.scene.ImportState)
    host.scene.EndState(host.scene.ImportState)
    host.pump()


def test_a_scene_that_is_read_while_another_module_is_shown_loses_no_result(host, ui, panel):
    host.click("segmentButton")
    host.leave_module()
    import_a_scene(host)
    host.pump(until=lambda: panel.running.run is None, timeout_s=30)
    host.return_to_module()
    assert ui.statusLabel.text.startswith("Done in ")
    segmentation, nodes = panel.parameters.segmentation, node_ids(host.scene)
    assert segmentation is not None
    run_to_end(host, panel)
    assert panel.parameters.segmentation is segmentation
    assert node_ids(host.scene) == nodes


def test_a_run_that_ends_while_a_scene_is_read_loses_no_result(host, panel):
    host.click("segmentButton")
    host.leave_module()
    panel.use(None)
    host.pump(until=lambda: panel.running.run is None, timeout_s=30)
    host.return_to_module()
    assert panel.parameters.segmentation is not None
    assert panel.parameters.organTable is not None


def test_the_segmentation_of_another_volume_is_left_as_it_was(host, ui, panel):
    run_to_end(host, panel)
    first, table = panel.parameters.segmentation, panel.parameters.organTable
    before = first.GetSegmentation().GetSegment("liver").GetMTime(), table.GetMTime()
    panel.parameters.inputVolume = ct_node("second", LIVER_HU)
    panel.parameters.segmentation = first
    run_to_end(host, panel)
    assert panel.parameters.segmentation is not first
    assert panel.parameters.organTable is not table
    assert (first.GetSegmentation().GetSegment("liver").GetMTime(), table.GetMTime()) == before
    assert f"The segmentation {first.GetName()} belongs to another volume" in ui.statusLabel.text


def test_the_widget_may_go_during_a_run(host, panel):
    host.click("segmentButton")
    run = panel.running.run
    host.widget.cleanup()
    assert not run.isRunning
    host.pump()


def test_progress_shows_percent_and_time_left_from_the_first_moment(host, ui, panel):
    host.click("segmentButton")
    assert re.fullmatch(r"\d %, about \d+ s left", ui.progressBar.text)
    panel.running.run.cancel()


def test_the_bar_moves_between_the_reports_of_the_child(host, ui, panel):
    class Under(Halfway):
        fraction = 0.1

    panel.running.run = run = Under()
    panel.running.onProgress(run)
    assert (ui.progressBar.value, ui.progressBar.maximum) == (10, 100)
    run.fraction = 0.37
    panel.running.show()
    assert ui.progressBar.text == "37 %, about 4 s left"
    assert ui.statusLabel.text.startswith("37 of 150 slices")
    panel.running.abandon()


class Halfway:
    slicesDone, slicesTotal, secondsLeft, showsProgress, fraction = 37, 150, 4.2, True, 0.3

    def cancel(self):
        pass


def save_results(host, panel, path):
    """A scene with a scan and its results, as the panel shows them; then an empty scene."""
    run_to_end(host, panel)
    host.save_scene(path)
    host.close_scene()
    return path


def test_a_scene_that_is_imported_during_a_run_leaves_the_panel_with_the_runs_volume(host, ui, panel, tmp_path):
    import slicer

    path = save_results(host, panel, tmp_path / "other.mrml")
    mine = ct_node("mine", LIVER_HU)
    host.pump()
    panel.parameters.model = "tiny 1.0"
    host.click("segmentButton")
    slicer.util.loadScene(str(path))
    host.pump()
    assert panel.parameters.inputVolume is mine
    host.pump(until=lambda: panel.running.run is None, timeout_s=60)
    segmentation = panel.parameters.segmentation
    assert panel.parameters.inputVolume is mine
    assert segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole()) is mine
    assert panel.parameters.organTable.GetName().startswith("mine")
    assert ui.statusLabel.text.startswith("Done in ")
    theirs = slicer.util.getNode("scan")
    panel.parameters.inputVolume = theirs
    assert panel.parameters.organTable.GetName().startswith("scan")


@pytest.fixture
def undo(host):
    host.scene.SetUndoOn()
    for name in ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationDisplayNode", "vtkMRMLTableNode"):
        default = host.scene.CreateNodeByClass(name)
        default.UnRegister(None)
        default.SetUndoEnabled(True)
        host.scene.AddDefaultNode(default)


@pytest.mark.parametrize("runs", [1, 2])
def test_undo_takes_the_sentence_of_the_run_back(host, ui, panel, undo, runs):
    for _ in range(runs):
        run_to_end(host, panel)
    assert ui.statusLabel.text.startswith("Done in ")
    host.scene.Undo()
    host.pump()
    assert ui.statusLabel.text == "Ready to segment all 2 organs."


def test_after_a_while_a_child_is_ready_for_the_next_run_and_goes_with_the_panel(
        host, panel, tmp_path, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import widget

    monkeypatch.setattr(widget, "_GET_READY_MS", 50)
    panel.refresh()
    ready = panel.logic.readyChild
    host.pump(until=lambda: ready.isWaiting)
    host.click("segmentButton")
    assert not ready.isWaiting
    host.pump(until=lambda: panel.running.run is None, timeout_s=60)
    host.pump(until=lambda: ready.isWaiting)
    host.widget.cleanup()
    assert not ready.isWaiting


def test_no_child_gets_ready_where_no_run_could_start(host, panel, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import widget

    monkeypatch.setattr(widget, "_GET_READY_MS", 1)
    for happens in (lambda: host.click("noOrgansButton"), host.leave_module):
        happens()
        idle(host, 0.1)
        assert not panel.logic.readyChild.isWaiting
