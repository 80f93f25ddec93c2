"""The panel's form, as a file."""

from pathlib import Path
from xml.etree import ElementTree

FORM = ElementTree.parse(Path(__file__).resolve().parents[2] / "MISTKDSegment/Resources/UI/MISTKDSegment.ui")
REACHED_BY_TAB = ("QPushButton", "QComboBox", "QCheckBox", "QSpinBox", "QDoubleSpinBox", "QSlider", "QTableWidget",
                  "qMRMLNodeComboBox", "ctkCollapsibleButton")


def test_every_control_is_reached_by_tab_once_and_from_top_to_bottom():
    controls = [widget.get("name") for widget in FORM.iter("widget") if widget.get("class") in REACHED_BY_TAB]
    assert [stop.text for stop in FORM.iter("tabstop")] == controls


def test_every_node_selector_follows_the_scene():
    selectors = {widget.get("name") for widget in FORM.iter("widget") if widget.get("class") == "qMRMLNodeComboBox"}
    connected = {entry.findtext("receiver") for entry in FORM.iter("connection")
                 if entry.findtext("slot") == "setMRMLScene(vtkMRMLScene*)"}
    assert connected == selectors
    assert len(selectors) == 3


def test_every_parameter_of_the_form_is_kept_in_the_scene(quiet_host):
    from MISTKDSegmentLib.slicer.panel.parameters import MISTKDSegmentParameters
    named = {entry.findtext("string") for entry in FORM.iter("property") if entry.get("name") == "SlicerParameterName"}
    assert named == set(MISTKDSegmentParameters.allParameters) - {"model", "leftOutOrgans", "organTable"}
