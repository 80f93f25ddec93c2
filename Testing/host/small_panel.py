"""A small scripted module with a panel, written into a folder: what the host's own tests open."""

from __future__ import annotations

from pathlib import Path

MODULE = '''
import slicer
from slicer.ScriptedLoadableModule import *
from slicer.parameterNodeWrapper import parameterNodeWrapper, WithinRange
from slicer.util import VTKObservationMixin
from typing import Annotated


@parameterNodeWrapper
class Parameters:
    volume: slicer.vtkMRMLScalarVolumeNode
    segmentation: slicer.vtkMRMLSegmentationNode
    threads: Annotated[int, WithinRange(0, 8)] = 2
    step: Annotated[float, WithinRange(0, 20)] = 1.5
    title: str = "x"
    tidy: bool = True
    names: list[str]


class SmallPanel(ScriptedLoadableModule):
    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "Small panel"


class SmallPanelLogic(ScriptedLoadableModuleLogic):
    pass


class SmallPanelWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        self.calls = []
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def setup(self):
        super().setup()
        widget = slicer.util.loadUI(self.resourcePath("UI/SmallPanel.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = SmallPanelLogic()
        self.connectParameters()
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneClosed)

    def connectParameters(self):
        self.parameters = Parameters(self.logic.getParameterNode())
        self.parameters.connectGui(self.ui)

    def onApply(self, checked):
        self.calls.append(("apply", checked))

    def onSceneClosed(self, caller, event):
        self.calls.append("closed")

    def enter(self):
        self.calls.append("enter")

    def exit(self):
        self.calls.append("exit")

    def cleanup(self):
        self.calls.append("cleanup")
        self.removeObservers()


class SmallPanelTest(ScriptedLoadableModuleTest):
    def runTest(self):
        self.assertIsNotNone(slicer.modules.smallpanel)
        slicer.tested = True
'''

_SELECTOR = '''<widget class="qMRMLNodeComboBox" name="{name}">
 <property name="nodeTypes"><stringlist notr="true"><string>{kind}</string></stringlist></property>
 <property name="showChildNodeTypes"><bool>false</bool></property>
 <property name="noneEnabled"><bool>{none}</bool></property>
 <property name="addEnabled"><bool>{add}</bool></property>
 <property name="renameEnabled"><bool>{add}</bool></property>
 <property name="SlicerParameterName" stdset="0"><string>{parameter}</string></property>
</widget>'''
_CONNECTION = '''<connection><sender>SmallPanel</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
 <receiver>{name}</receiver><slot>{slot}</slot></connection>'''

FORM = '''<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>SmallPanel</class>
<widget class="qMRMLWidget" name="SmallPanel"><layout class="QVBoxLayout" name="column">
<item>{volume}</item><item>{segmentation}</item>
<item><widget class="QPushButton" name="applyButton">
 <property name="text"><string>Apply</string></property></widget></item>
<item><widget class="ctkCollapsibleButton" name="advanced">
 <property name="text"><string>Advanced</string></property><property name="collapsed"><bool>true</bool></property>
 <layout class="QFormLayout" name="form">
 <item row="0" column="1"><widget class="QSpinBox" name="threads">
  <property name="SlicerParameterName" stdset="0"><string>threads</string></property></widget></item>
 <item row="1" column="1"><widget class="ctkSliderWidget" name="step">
  <property name="SlicerParameterName" stdset="0"><string>step</string></property></widget></item>
 <item row="2" column="1"><widget class="QLineEdit" name="title">
  <property name="SlicerParameterName" stdset="0"><string>title</string></property></widget></item>
 <item row="3" column="1"><widget class="QCheckBox" name="tidy">
  <property name="SlicerParameterName" stdset="0"><string>tidy</string></property></widget></item>
 </layout></widget></item>
</layout></widget>
<customwidgets>
<customwidget><class>qMRMLWidget</class><extends>QWidget</extends><header>x.h</header>
 <container>1</container></customwidget>
<customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends><header>x.h</header></customwidget>
<customwidget><class>ctkCollapsibleButton</class><extends>QWidget</extends><header>x.h</header>
 <container>1</container></customwidget>
<customwidget><class>ctkSliderWidget</class><extends>QWidget</extends><header>x.h</header></customwidget>
</customwidgets>
<connections>{connections}</connections></ui>
'''


def form(slot: str = "setMRMLScene(vtkMRMLScene*)") -> str:
    """The .ui file; `slot` is what the scene's change is connected with."""
    volume = _SELECTOR.format(name="volumeSelector", kind="vtkMRMLScalarVolumeNode", none="false", add="false",
                              parameter="volume")
    segmentation = _SELECTOR.format(name="segmentationSelector", kind="vtkMRMLSegmentationNode", none="true",
                                    add="true", parameter="segmentation")
    names = ("volumeSelector", "segmentationSelector")
    connections = "".join(_CONNECTION.format(name=name, slot=slot) for name in names)
    return FORM.format(volume=volume, segmentation=segmentation, connections=connections)


def write_small_panel(folder: Path) -> Path:
    """Writes the module with its .ui file; its .py file is returned."""
    (folder / "Resources" / "UI").mkdir(parents=True)
    (folder / "Resources" / "UI" / "SmallPanel.ui").write_text(form(), encoding="utf-8")
    (folder / "SmallPanel.py").write_text(MODULE, encoding="utf-8")
    return folder / "SmallPanel.py"
