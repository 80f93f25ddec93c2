"""Names of nodes may be names of patients: they are on the screen, never in the log."""

import logging

from Testing.panel.children import DONE, STARTED, python_slicer
from Testing.panel.made_up_nodes import ct_node
from Testing.scene.refusal import refuse_imports

LIVER_EVERYWHERE = ("labels = open(folder + '/labels.npy', 'r+b'); labels.seek(-120, 2)\n"
                    "labels.write(bytes([5]) * 120); labels.close()\n")


def test_a_failed_run_logs_no_name(host, caplog):
    caplog.set_level(logging.DEBUG)
    node = ct_node("Miller^Anna")
    node.GetImageData().GetPointData().GetScalars().Fill(150)
    host.pump()
    host.click("segmentButton")
    host.pump(until=lambda: host.widget.panel.running.run is None, timeout_s=30)
    assert "Miller^Anna is empty" in host.ui.statusLabel.text
    assert "Miller" not in caplog.text


def test_a_run_that_cannot_start_logs_no_name(host, caplog):
    caplog.set_level(logging.DEBUG)
    node = ct_node("Miller^Anna")
    host.pump()
    node.SetIJKToRASDirections(1, 0.4, 0, 0, 1, 0, 0, 0, 1)
    host.click("segmentButton")
    assert host.widget.panel.running.run is None
    assert "Miller" in host.ui.statusLabel.text
    assert "Miller" not in caplog.text


def test_a_result_that_cannot_be_imported_logs_no_name(host, caplog, tmp_path, monkeypatch):
    from MISTKDSegmentLib.slicer.scene import segmentation_node

    caplog.set_level(logging.DEBUG)
    python_slicer(tmp_path, monkeypatch, STARTED + LIVER_EVERYWHERE + DONE)
    refuse_imports(monkeypatch, segmentation_node)
    ct_node("Miller^Anna")
    host.pump()
    host.click("segmentButton")
    host.pump(until=lambda: host.widget.panel.running.run is None, timeout_s=30)
    assert "could not be written into the scene" in host.ui.statusLabel.text
    assert "the labels could not be imported" in caplog.text
    assert "Miller" not in caplog.text
    assert host.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
