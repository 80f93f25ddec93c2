"""Stand-in for `slicer.app.layoutManager()` on Slicer's real slice logics."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore

from Testing.host import observers

SLICE_VIEWS = ("Red", "Green", "Yellow")
VIEW_PX = 300


class LayoutManager(QtCore.QObject):
    """Three slice views with real logics, and one 3-D view that exists as a node only."""

    layoutChanged = QtCore.Signal(int)
    selectModule = QtCore.Signal(str)
    activeMRMLThreeDViewNodeChanged = QtCore.Signal(object)

    def __init__(self, scene: Any, application_logic: Any) -> None:
        super().__init__()
        self._scene = scene
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self._logic.GetLayoutNode().SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._slices = {name: SliceWidget(name, scene, application_logic) for name in SLICE_VIEWS}
        self._collection = vtk.vtkCollection()
        for widget in self._slices.values():
            self._collection.AddItem(widget.sliceLogic())
        application_logic.SetSliceLogics(self._collection)
        self._links = slicer.vtkMRMLSliceLinkLogic()
        self._links.SetMRMLApplicationLogic(application_logic)
        self._links.SetMRMLScene(scene)
        for widget in self._slices.values():
            widget.sliceController().follow(self)
        self._three_d = ThreeDWidget(scene)
        self._color_logic: Any = None

    def sliceViewNames(self) -> list[str]:
        return list(self._slices)

    def sliceWidget(self, name: str) -> Any:
        return self._slices.get(name)

    def threeDWidget(self, index: int) -> Any:
        return self._three_d if index in (0, "1") else None

    def mrmlSliceLogics(self) -> Any:
        return self._collection

    def mrmlScene(self) -> Any:
        return self._scene

    def layoutLogic(self) -> Any:
        return self._logic

    def activeMRMLThreeDViewNode(self) -> Any:
        return self._three_d.mrmlViewNode()

    def resetSliceViews(self) -> None:
        for widget in self._slices.values():
            widget.sliceLogic().FitSliceToAll()

    def resetThreeDViews(self) -> None:
        """The picture of the 3-D view is always fitted."""

    def pauseRender(self) -> None:
        """Nothing is drawn on screen, so nothing is held back."""

    resumeRender = pauseRender

    threeDViewCount, tableViewCount, plotViewCount = 1, 0, 0

    def _layout(self) -> int:
        return int(self._logic.GetLayoutNode().GetViewArrangement())

    def setLayout(self, layout: int) -> None:
        self._logic.GetLayoutNode().SetViewArrangement(layout)
        self.layoutChanged.emit(layout)

    layout = property(_layout)

    def shut(self) -> None:
        self._links.SetMRMLScene(None)
        for widget in self._slices.values():
            widget.shut()


class SliceWidget:
    """What modules use of qMRMLSliceWidget."""

    def __init__(self, name: str, scene: Any, application_logic: Any) -> None:
        self._node = scene.GetNodeByID(f"vtkMRMLSliceNode{name}") or _added_slice_node(name, scene)
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self._logic.SetSliceNode(self._node)
        self._node.SetDimensions(VIEW_PX, VIEW_PX, 1)
        self._controller = SliceController(self._logic)

    def sliceLogic(self) -> Any:
        return self._logic

    def mrmlSliceNode(self) -> Any:
        return self._node

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()

    def sliceController(self) -> SliceController:
        return self._controller

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToAll()

    def shut(self) -> None:
        self._logic.SetMRMLScene(None)


class SliceController:
    """What modules use of qMRMLSliceControllerWidget, and what its bar does by itself.

    The bar shows what its composite node was told, and to be shown counts as being chosen there: where the views are
    linked, the others are told at once. Volumes that are hidden from selectors are not shown.
    """

    def __init__(self, logic: Any) -> None:
        self._logic = logic
        self._shown: dict[int, Any] = {}

    def follow(self, owner: Any) -> None:
        """Pass on what the composite node is told, as long as `owner` (a QObject) lives."""
        self._shown = _bar(self._logic.GetSliceCompositeNode())
        observers.observe(owner, self._logic.GetSliceCompositeNode(), vtk.vtkCommand.ModifiedEvent,
                          lambda _owner, _data: self._pass_on())

    def _pass_on(self) -> None:
        node = self._logic.GetSliceCompositeNode()
        if node is None:
            return
        before, self._shown = self._shown, {**self._shown, **_bar(node)}
        for flag in [flag for flag, value in self._shown.items() if value != before.get(flag, value)]:
            self._logic.StartSliceCompositeNodeInteraction(flag)
            self._logic.EndSliceCompositeNodeInteraction()

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToAll()

    def setSliceVisible(self, visible: bool) -> None:
        self._logic.GetSliceNode().SetSliceVisible(visible)

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()


class ThreeDWidget:
    """What modules use of qMRMLThreeDWidget."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene

    def mrmlViewNode(self) -> Any:
        return self._scene.GetFirstNodeByClass("vtkMRMLViewNode")

    def threeDView(self) -> ThreeDWidget:
        return self

    def resetFocalPoint(self) -> None:
        """The picture of the 3-D view is always fitted."""

    resetCamera = resetFocalPoint

    def threeDController(self) -> ThreeDWidget:
        return self


def _bar(node: Any) -> dict[int, Any]:
    """What the bar of a slice view shows of a composite node, by the flag that links it."""
    shown = {node.ForegroundOpacityFlag: node.GetForegroundOpacity(), node.LabelOpacityFlag: node.GetLabelOpacity()}
    for flag, volume_id in ((node.BackgroundVolumeFlag, node.GetBackgroundVolumeID()),
                            (node.ForegroundVolumeFlag, node.GetForegroundVolumeID()),
                            (node.LabelVolumeFlag, node.GetLabelVolumeID())):
        volume = node.GetScene().GetNodeByID(volume_id) if volume_id and node.GetScene() else None
        if volume is None or not volume.GetHideFromEditors():
            shown[flag] = volume_id
    return shown


def _added_slice_node(name: str, scene: Any) -> Any:
    node = slicer.vtkMRMLSliceNode()
    node.SetSingletonTag(name)
    node.SetName(name)
    node.SetLayoutName(name)
    return scene.AddNode(node)
