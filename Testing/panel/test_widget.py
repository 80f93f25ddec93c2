"""The panel as a person meets it."""

import gc
import logging
import weakref

import pytest

from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes

TICKED, UNTICKED = 2, 0


@pytest.fixture
def panel(host):
    return host.widget.panel


@pytest.fixture
def ui(host):
    return host.widget.ui


@pytest.fixture
def parameters(panel):
    return panel.parameters


def results(volume, panel):
    """What a run leaves behind: a segmentation and its table, chosen in the panel."""
    from MISTKDSegmentLib.slicer.panel import outputs
    segmentation, table = result_nodes(volume, [organ_row("liver"), organ_row("spleen", 0.0, None, 0)])
    outputs.remember(segmentation, table)
    panel.parameters.inputVolume, panel.parameters.segmentation = volume, segmentation
    panel.parameters.organTable = table
    return segmentation, table


def test_an_empty_scene_asks_for_a_ct(ui):
    assert ui.statusLabel.text.startswith("No volume is chosen")
    assert not ui.segmentButton.enabled
    assert "No volume is chosen" in ui.segmentButton.toolTip
    assert not ui.progressBar.visible


def test_every_control_has_a_tooltip(ui):
    kinds = ("QPushButton", "QComboBox", "QCheckBox", "QSpinBox", "QDoubleSpinBox", "QTableWidget",
             "QProgressBar", "QSlider", "qMRMLNodeComboBox", "ctkCollapsibleButton")
    own = {name: widget for name, widget in vars(ui).items()
           if not name.startswith("qt_") and widget.className() in kinds}
    assert len(own) > 20
    assert [name for name, widget in own.items() if not widget.toolTip] == []


def test_a_ct_that_is_loaded_is_chosen_by_itself(host, ui, parameters):
    volume = ct_node()
    host.pump()
    assert parameters.inputVolume is volume
    assert ui.statusLabel.text == "Ready to segment all 8 organs."
    assert ui.segmentButton.enabled


def test_a_ct_takes_the_place_of_what_cannot_be_one(host, parameters):
    host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "without voxels")
    host.pump()
    volume = ct_node()
    host.pump()
    assert parameters.inputVolume is volume


def test_a_ct_that_a_person_chose_stays(host, parameters):
    chosen = ct_node("chosen")
    host.pump()
    ct_node("newer")
    host.pump()
    assert parameters.inputVolume is chosen


def test_label_maps_cannot_be_chosen(host, ui):
    host.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    host.pump()
    assert ui.inputVolumeSelector.nodeCount() == 0


def test_the_model_that_ships_is_chosen(ui):
    assert ui.modelComboBox.currentText.startswith("synapse-abdomen ")
    assert ui.organList.rowCount * ui.organList.columnCount == 8


def test_ticks_are_kept_in_the_scene(host, ui, parameters):
    ct_node()
    host.pump()
    ui.organList.item(3, 1).setCheckState(UNTICKED)
    assert list(parameters.leftOutOrgans) == ["stomach"]
    assert ui.statusLabel.text == "Ready to segment 7 of 8 organs."
    parameters.leftOutOrgans = []
    assert ui.organList.item(3, 1).checkState() == TICKED


def test_a_model_that_is_not_installed_is_said_and_can_be_replaced(host, ui, parameters):
    ct_node()
    host.pump()
    parameters.model = "lungs 1.0"
    assert "lungs 1.0 is not installed" in ui.statusLabel.text
    assert not ui.segmentButton.enabled
    ui.modelComboBox.setCurrentIndex(0)
    assert parameters.model.startswith("synapse-abdomen ")
    assert ui.segmentButton.enabled


def test_a_sentence_stays_until_something_is_changed(host, ui, panel, parameters):
    ct_node()
    host.pump()
    panel.say("The disk is full.")
    parameters.threads = 2
    assert ui.statusLabel.text == "The disk is full."
    parameters.leftOutOrgans = ["liver"]
    assert ui.statusLabel.text == "Ready to segment 7 of 8 organs."


def test_another_volume_does_not_get_the_segmentation_of_the_first(host, ui, panel, parameters):
    first, second = ct_node("first"), ct_node("second")
    host.pump()
    segmentation, table = results(first, panel)
    assert [ui.resultsTable.item(row, 1).text() for row in range(3)] == ["Liver", "⚠ implausibly small", "Spleen"]
    parameters.inputVolume = second
    assert parameters.segmentation is None
    assert parameters.organTable is None
    assert ui.resultsTable.rowCount == 0
    parameters.inputVolume = first
    assert parameters.segmentation is segmentation
    assert parameters.organTable is table


def test_a_segmentation_of_no_volume_stays_chosen(host, parameters):
    ct_node("first")
    second = ct_node("second")
    host.pump()
    own = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "own")
    parameters.segmentation = own
    parameters.inputVolume = second
    assert parameters.segmentation is own


def test_results_open_when_they_come_and_are_left_alone_then(host, ui, panel, parameters):
    assert ui.resultsCollapsibleButton.collapsed
    results(ct_node(), panel)
    assert not ui.resultsCollapsibleButton.collapsed
    ui.resultsCollapsibleButton.collapsed = True
    parameters.threads = 2
    assert ui.resultsCollapsibleButton.collapsed


def test_a_volume_that_is_deleted_is_missed(host, ui, parameters):
    volume = ct_node()
    host.pump()
    host.scene.RemoveNode(volume)
    host.pump()
    assert parameters.inputVolume is None
    assert "No volume is chosen" in ui.statusLabel.text


def test_deleting_a_segmentation_chooses_none_in_its_place(host, ui, panel, parameters):
    first, second = ct_node("first"), ct_node("second")
    kept, _table = results(first, panel)
    gone, _table = results(second, panel)
    host.pump()
    host.scene.RemoveNode(gone)
    host.pump()
    assert parameters.segmentation is None
    assert parameters.organTable is None
    assert ui.segmentationSelector.currentNode() is None
    assert kept.GetScene() is host.scene


def test_deleting_the_volume_or_the_region_chooses_none_in_its_place(host, ui, panel, parameters):
    first, second = ct_node("first"), ct_node("second")
    boxes = [host.scene.AddNewNodeByClass("vtkMRMLMarkupsROINode") for _ in range(2)]
    host.pump()
    parameters.inputVolume, parameters.roi = second, boxes[1]
    host.scene.RemoveNode(second)
    host.scene.RemoveNode(boxes[1])
    assert parameters.inputVolume is None
    assert parameters.roi is None
    assert ui.inputVolumeSelector.currentNode() is None
    assert first.GetScene() is host.scene


def test_a_volume_that_is_deleted_is_not_kept_in_memory(host, ui, panel, parameters):
    ct_node("other")
    volume = ct_node()
    host.pump()
    parameters.inputVolume = volume
    gone = weakref.ref(volume)
    host.scene.RemoveNode(volume)
    host.pump()
    del volume
    gc.collect()
    assert gone() is None


def test_voxels_that_come_after_their_node_are_seen(host, ui, parameters):
    late, source = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "late"), ct_node("source")
    host.pump()
    parameters.inputVolume = late
    host.scene.RemoveNode(source)
    host.pump()
    assert not ui.segmentButton.enabled
    late.SetAndObserveImageData(source.GetImageData())
    host.pump()
    assert ui.segmentButton.enabled
    assert ui.statusLabel.text == "Ready to segment all 8 organs."


def test_segments_that_change_elsewhere_are_seen(host, ui, panel):
    segmentation = results(ct_node(), panel)[0].GetSegmentation()
    host.pump()
    assert ui.show3dButton.enabled
    segmentation.GetSegment("liver").SetColor(0.0, 0.0, 1.0)
    host.pump()
    assert ui.resultsTable.item(0, 1).icon().pixmap(8, 8).toImage().pixel(4, 4) & 0xFFFFFF == 0x0000FF
    segmentation.RemoveSegment("liver")
    host.pump()
    assert not ui.show3dButton.enabled


def test_what_is_no_longer_chosen_is_no_longer_followed(host, ui, panel, monkeypatch):
    segmentation = results(ct_node(), panel)[0].GetSegmentation()
    panel.parameters.segmentation = None
    host.pump()
    monkeypatch.setattr(panel, "refresh", lambda: pytest.fail("refreshed"))
    segmentation.GetSegment("liver").SetColor(0.0, 0.0, 1.0)
    host.pump()


def test_many_changes_at_once_are_one_refresh(host, ui, panel, monkeypatch):
    segmentation = results(ct_node(), panel)[0].GetSegmentation()
    host.pump()
    refresh, calls = panel.refresh, []
    monkeypatch.setattr(panel, "refresh", lambda: calls.append(refresh()))
    for step in range(50):
        segmentation.GetSegment("liver").SetColor(0.0, 0.0, step / 50)
    host.pump()
    assert len(calls) == 1


def test_ten_scenes_leave_one_object_of_parameters(host, ui, panel):
    for _ in range(10):
        ct_node()
        host.close_scene()
    gc.collect()
    kind = type(panel.parameters)
    assert sum(type(known) is kind for known in gc.get_objects()) == 1


def test_what_the_status_line_says_cannot_be_copied_with_its_hidden_spaces(ui):
    import qt
    assert not ui.statusLabel.textInteractionFlags & qt.Qt.TextSelectableByMouse


def test_the_warning_stands_once_in_the_panel(host, ui):
    ui.aboutCollapsibleButton.collapsed = False
    labels = {name: widget for name, widget in vars(ui).items() if widget.className() == "QLabel"}
    assert [name for name, label in labels.items() if "not a medical device" in label.text] == ["disclaimerLabel"]


def test_closing_the_scene_starts_afresh(host, ui, panel):
    results(ct_node(), panel)
    panel.parameters.threads = 3
    host.close_scene()
    host.pump()
    assert panel.parameters.threads == 0
    assert ui.threadsSpinBox.value == 0
    assert ui.resultsTable.rowCount == 0
    assert ui.statusLabel.text.startswith("No volume is chosen")


def test_a_saved_scene_shows_the_same_panel(host, ui, panel, tmp_path):
    ct_node("other")
    results(ct_node("scan"), panel)
    panel.parameters.leftOutOrgans = ["aorta"]
    panel.parameters.sliceStepMm = 4.5
    host.pump()
    before = _seen(ui)
    host.save_scene(tmp_path / "scene.mrml")
    host.close_scene()
    assert _seen(ui) != before
    host.load_scene(tmp_path / "scene.mrml")
    host.pump()
    assert _seen(ui) == before


def _seen(ui):
    rows = [ui.resultsTable.item(row, 1).text() for row in range(ui.resultsTable.rowCount)]
    volume, segmentation = ui.inputVolumeSelector.currentNode(), ui.segmentationSelector.currentNode()
    return (volume and volume.GetName(), segmentation and segmentation.GetName(), rows, ui.sliceStepSpinBox.value,
            ui.organList.item(0, 0).checkState(), ui.modelComboBox.currentText)


def test_leaving_and_coming_back_changes_nothing(host, ui, parameters):
    ct_node()
    host.pump()
    host.widget.exit()
    ct_node("newer")
    host.pump()
    host.widget.enter()
    assert ui.statusLabel.text == "Ready to segment all 8 organs."


def test_coming_back_again_and_again_makes_no_new_parameters(host, panel, parameters):
    for _ in range(3):
        host.widget.exit()
        host.widget.enter()
    assert panel.parameters is parameters


def test_a_narrow_panel_needs_no_horizontal_scrolling(host, ui, panel):
    results(ct_node("a name that is as long as those of DICOM series often are, and longer still"), panel)
    for name in ("resultsCollapsibleButton", "advancedCollapsibleButton", "aboutCollapsibleButton"):
        getattr(ui, name).collapsed = False
    panel.say("/a/path/" + "without_a_blank/" * 20)
    host.pump()
    assert host.panel.minimumSizeHint().width() < 280


def test_a_scene_that_is_closed_while_the_module_is_hidden_is_fine(host, ui, panel):
    ct_node()
    host.pump()
    host.widget.exit()
    host.close_scene()
    host.pump()
    assert panel.parameters is None
    host.widget.enter()
    assert ui.statusLabel.text.startswith("No volume is chosen")


def test_nothing_of_all_this_is_logged_as_an_error(host, panel, caplog):
    caplog.set_level(logging.WARNING)
    results(ct_node("Miller^Anna"), panel)
    host.close_scene()
    host.pump()
    assert "Miller" not in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_what_was_said_is_over_once_something_was_changed_even_if_it_is_changed_back(host):
    node = ct_node()
    host.pump(until=lambda: host.widget.panel.parameters.inputVolume is node)
    host.widget.panel.say("Cancelled.")
    assert host.find("statusLabel").text == "Cancelled."
    host.click("noOrgansButton")
    host.click("allOrgansButton")
    assert host.find("statusLabel").text.startswith("Ready to segment")
