"""What the buttons do."""

import importlib.metadata
from pathlib import Path

import pytest
import slicer

from Testing.conftest import write_tiny_bundle
from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes


@pytest.fixture
def ui(host):
    return host.widget.ui


@pytest.fixture
def panel(host):
    ct_node("scan")
    host.pump()
    return host.widget.panel


@pytest.fixture
def results(panel):
    segmentation, table = result_nodes(panel.parameters.inputVolume, [organ_row("liver", 1510.26, 101.6)])
    panel.parameters.segmentation = segmentation
    panel.parameters.organTable = table
    return segmentation, table


def test_all_and_none(host, ui, panel):
    host.click("noOrgansButton")
    assert len(panel.parameters.leftOutOrgans) == 8
    assert ui.statusLabel.text == "Tick at least one organ."
    assert not ui.segmentButton.enabled
    host.click("allOrgansButton")
    assert list(panel.parameters.leftOutOrgans) == []
    assert ui.segmentButton.enabled


def test_copy_brings_the_table_to_the_clipboard(host, ui, results):
    host.click("copyButton")
    assert slicer.app.clipboard().text().splitlines()[1].split("\t")[:3] == ["Liver", "1510.26", "101.6"]
    assert ui.statusLabel.text == "The table was copied."


def test_export_writes_the_file_that_was_chosen(host, ui, results, tmp_path):
    host.dialogs.expect("Export the table", str(tmp_path / "organs.csv"))
    host.click("exportButton")
    assert (tmp_path / "organs.csv").read_text(encoding="utf-8").splitlines()[1].startswith("Liver,1510.26,101.6,")
    assert "organs.csv" in ui.statusLabel.text.replace("\u200b", "")


def suggestion(host, ui):
    host.dialogs.expect("Export the table", "")
    host.click("exportButton")
    return Path(host.dialogs.shown[-1].text)


def test_export_suggests_the_folder_of_the_scene_and_a_name_that_can_be_one(host, ui, results, tmp_path):
    host.scene.SetRootDirectory(str(tmp_path))
    results[1].SetName("CT 1/2: table")
    assert suggestion(host, ui) == tmp_path / "CT 1_2_ table.csv"


def test_export_suggests_the_documents_while_the_scene_has_no_folder(host, ui, results):
    import qt
    host.scene.SetRootDirectory("")
    assert suggestion(host, ui).parent == Path(qt.QStandardPaths.writableLocation(qt.QStandardPaths.DocumentsLocation))


def test_export_adds_the_ending_that_was_not_typed(host, ui, results, tmp_path):
    host.dialogs.expect("Export the table", str(tmp_path / "organs"))
    host.click("exportButton")
    assert [path.name for path in tmp_path.iterdir()] == ["organs.csv"]
    assert "organs.csv" in ui.statusLabel.toolTip


def test_export_may_be_called_off(host, ui, results):
    host.dialogs.expect("Export the table", "")
    host.click("exportButton")
    assert ui.statusLabel.text == "Ready to segment all 8 organs."


def test_export_to_where_nothing_can_be_written_is_one_sentence(host, ui, results, tmp_path):
    host.dialogs.expect("Export the table", str(tmp_path / "missing" / "organs.csv"))
    host.click("exportButton")
    assert "its folder does not exist" in ui.statusLabel.text.replace("\u200b", "")


def test_show_3d_makes_surfaces_and_takes_them_away(host, ui, results):
    segmentation, _table = results
    host.click("show3dButton")
    assert segmentation.GetSegmentation().ContainsRepresentation("Closed surface")
    assert ui.show3dButton.checked
    host.click("show3dButton")
    assert not segmentation.GetSegmentation().ContainsRepresentation("Closed surface")
    assert not ui.show3dButton.checked


def test_a_new_region_is_chosen_at_once(host, ui, panel):
    ui.advancedCollapsibleButton.collapsed = False
    assert not ui.newRoiButton.enabled
    ui.useRoiCheckBox.checked = True
    assert not ui.segmentButton.enabled
    host.click("newRoiButton")
    assert tuple(panel.parameters.roi.GetSize()) == (4.0, 5.0, 18.0)
    assert ui.segmentButton.enabled


def test_a_model_is_added_and_chosen(host, ui, panel, tmp_path):
    folder = write_tiny_bundle(tmp_path / "tiny")
    ui.advancedCollapsibleButton.collapsed = False
    host.dialogs.expect("Add a model", str(folder / "model.json"))
    host.click("addModelButton")
    assert panel.parameters.model == "tiny 1.0"
    assert ui.modelComboBox.currentText == "tiny 1.0"
    assert [ui.organList.item(0, column).text() for column in range(2)] == ["Liver", "Spleen"]
    assert ui.statusLabel.text == "The model tiny 1.0 was added."


def test_what_is_no_model_is_refused_in_a_sentence(host, ui, panel, tmp_path):
    (tmp_path / "model.json").write_text("{}", encoding="utf-8")
    ui.advancedCollapsibleButton.collapsed = False
    host.dialogs.expect("Add a model", str(tmp_path / "model.json"))
    host.click("addModelButton")
    assert "schema version" in ui.statusLabel.text.replace("\u200b", "")
    assert panel.parameters.model == ""


@pytest.fixture
def without_onnxruntime(monkeypatch, panel):
    monkeypatch.setattr(type(panel.logic.onnxRuntime), "state", lambda self: "missing")


def test_without_onnxruntime_one_question_is_asked_and_no_is_an_answer(host, ui, panel, without_onnxruntime):
    host.dialogs.expect("onnxruntime", "Cancel")
    host.click("segmentButton")
    assert panel.running.run is None
    assert "onnxruntime" in ui.statusLabel.text
    assert ".whl" in ui.statusLabel.text.replace("\u200b", "")


def test_a_file_that_is_no_wheel_is_refused_in_a_sentence(host, ui, panel, tmp_path):
    (tmp_path / "numpy-2.0-cp312-none-any.whl").write_bytes(b"")
    ui.aboutCollapsibleButton.collapsed = False
    host.dialogs.expect("Install onnxruntime", str(tmp_path / "numpy-2.0-cp312-none-any.whl"))
    host.click("installButton")
    assert "no wheel of onnxruntime" in ui.statusLabel.text.replace("\u200b", "")
    assert importlib.metadata.version("onnxruntime")
