"""The panel as a person meets it."""

import logging

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
    from MISTKDSegmentLib.panel import outputs
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
    kinds = ("QPushButton", "QComboBox", "QCheckBox", "QSpinBox", "QDoubleSpinBox", "QListWidget", "QTableWidget",
             "QProgressBar", "qMRMLNodeComboBox", "ctkCollapsibleButton")
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
    assert ui.organList.count == 8


def test_ticks_are_kept_in_the_scene(host, ui, parameters):
    ct_node()
    host.pump()
    ui.organList.item(7).setCheckState(UNTICKED)
    assert list(parameters.leftOutOrgans) == ["stomach"]
    assert ui.statusLabel.text == "Ready to segment 7 of 8 organs."
    parameters.leftOutOrgans = []
    assert ui.organList.item(7).checkState() == TICKED


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
    assert ui.resultsTable.rowCount == 2
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
    rows = [[ui.resultsTable.item(row, column).text() for column in range(4)]
            for row in range(ui.resultsTable.rowCount)]
    volume, segmentation = ui.inputVolumeSelector.currentNode(), ui.segmentationSelector.currentNode()
    return (volume and volume.GetName(), segmentation and segmentation.GetName(), rows, ui.sliceStepSpinBox.value,
            ui.organList.item(0).checkState(), ui.modelComboBox.currentText)


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
    assert host.panel.minimumSizeHint().width() < 400


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
