"""A run, seen from the panel."""

import pytest

from Testing.conftest import write_tiny_bundle
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
    assert [ui.resultsTable.item(row, 0).text() for row in range(2)] == ["Liver", "Spleen"]
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


def test_progress_shows_slices_and_time(ui, panel):
    class Halfway:
        slicesDone, slicesTotal, secondsLeft, showsProgress = 37, 150, 4.2, True

        def cancel(self):
            pass

    panel.running.run = Halfway()
    panel.running.onProgress(panel.running.run)
    assert ui.progressBar.text == "37 of 150 slices, 4 s left"
    assert (ui.progressBar.value, ui.progressBar.maximum) == (37, 150)
    assert "slice views" in ui.statusLabel.text
    panel.running.abandon()
