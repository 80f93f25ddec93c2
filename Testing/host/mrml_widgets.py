"""Stand-ins for Slicer's simple MRML widgets: the panel's root, the Show 3D button, a table view."""

from __future__ import annotations

from typing import Any, Optional

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from Testing.host import observers
from Testing.host.qt_property import stored

CLOSED_SURFACE = "Closed surface"


class qMRMLWidget(QtWidgets.QWidget):
    """A widget that passes the scene on to those in it."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._scene: Optional[Any] = None

    def setMRMLScene(self, scene: Any) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self) -> Any:
        return self._scene


class qMRMLSegmentationShow3DButton(QtWidgets.QPushButton):
    """Makes and removes the closed surface of a segmentation, with a menu for smoothing."""

    locked = stored("bool", False)

    def __init__(self, parent: Any = None) -> None:
        super().__init__("Show 3D", parent)
        self._node: Optional[Any] = None
        self.setCheckable(True)
        self.setEnabled(False)
        menu = QtWidgets.QMenu(self)
        menu.addAction("Surface smoothing").setCheckable(True)
        self.setMenu(menu)
        self.toggled.connect(self.onToggled)

    def setSegmentationNode(self, node: Any) -> None:
        observers.release(self)
        self._node = node
        if node is not None:
            content_modified = node.GetContentModifiedEvents().GetValue(0)
            for event in (content_modified, slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent):
                observers.observe(self, node, event, type(self)._refresh)
        self.updateWidgetFromMRML()

    def segmentationNode(self) -> Any:
        return self._node

    def _refresh(self, _data: Any) -> None:
        self.updateWidgetFromMRML()

    def updateWidgetFromMRML(self) -> None:
        segmentation = self._node.GetSegmentation() if self._node is not None else None
        self.setEnabled(bool(segmentation and segmentation.GetNumberOfSegments()))
        self.blockSignals(True)
        self.setChecked(bool(segmentation and segmentation.ContainsRepresentation(CLOSED_SURFACE)))
        self.blockSignals(False)

    def onToggled(self, shown: bool = True) -> None:
        if self._node is None:
            return
        if shown:
            self._node.CreateClosedSurfaceRepresentation()
        else:
            self._node.GetSegmentation().RemoveRepresentation(CLOSED_SURFACE)


class qMRMLTableView(QtWidgets.QTableWidget):
    """Shows a table node; read only."""

    mrmlSceneChanged = QtCore.Signal(object)
    selectionChangedByUser = QtCore.Signal()
    transposed = stored("bool", False)
    firstRowLocked = stored("bool", False)
    firstColumnLocked = stored("bool", False)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node: Optional[Any] = None
        self._scene: Optional[Any] = None

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLTableNode(self, node: Any) -> None:
        observers.release(self)
        self._node = node
        if node is not None:
            observers.observe(self, node, node.GetContentModifiedEvents().GetValue(0), type(self)._refresh)
        self._refresh(None)

    def mrmlTableNode(self) -> Any:
        return self._node

    def _refresh(self, _data: Any) -> None:
        table = self._node.GetTable() if self._node is not None else None
        self.setRowCount(table.GetNumberOfRows() if table else 0)
        self.setColumnCount(table.GetNumberOfColumns() if table else 0)
        for column in range(self.columnCount()):
            self.setHorizontalHeaderItem(column, QtWidgets.QTableWidgetItem(table.GetColumnName(column)))
            for row in range(self.rowCount()):
                self.setItem(row, column, QtWidgets.QTableWidgetItem(table.GetValue(row, column).ToString()))


class qMRMLSegmentsTableView(QtWidgets.QWidget):
    """Lists a segmentation's segments with colours; no editing."""

    mrmlSceneChanged = QtCore.Signal(object)
    selectionChanged = QtCore.Signal(object, object)
    selectionMode = stored("int", 3)
    headerVisible = stored("bool", True)
    visibilityColumnVisible = stored("bool", True)
    colorColumnVisible = stored("bool", True)
    opacityColumnVisible = stored("bool", True)
    statusColumnVisible = stored("bool", False)
    layerColumnVisible = stored("bool", False)
    readOnly = stored("bool", False)
    filterBarVisible = stored("bool", False)
    jumpToSelectedSegmentEnabled = stored("bool", False)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node: Optional[Any] = None
        self._table = QtWidgets.QTableWidget(0, 2, self)
        self._table.setProperty("hostPrivate", True)
        self._table.setHorizontalHeaderLabels(["Color", "Name"])
        self._table.verticalHeader().hide()
        self._table.horizontalHeader().setStretchLastSection(True)
        QtWidgets.QVBoxLayout(self).addWidget(self._table)

    def setMRMLScene(self, scene: Any) -> None:
        self.mrmlSceneChanged.emit(scene)

    def setSegmentationNode(self, node: Any) -> None:
        observers.release(self)
        self._node = node
        if node is not None:
            observers.observe(self, node, node.GetContentModifiedEvents().GetValue(0), type(self)._refresh)
        self._refresh(None)

    def segmentationNode(self) -> Any:
        return self._node

    def displayedSegmentIDs(self) -> list[str]:
        return list(self._node.GetSegmentation().GetSegmentIDs()) if self._node is not None else []

    def selectedSegmentIDs(self) -> list[str]:
        rows = sorted({index.row() for index in self._table.selectedIndexes()})
        return [self.displayedSegmentIDs()[row] for row in rows]

    @property
    def segmentCount(self) -> int:
        return len(self.displayedSegmentIDs())

    def _refresh(self, _data: Any) -> None:
        self._table.setRowCount(0)
        for row, identifier in enumerate(self.displayedSegmentIDs()):
            segment = self._node.GetSegmentation().GetSegment(identifier)
            self._table.insertRow(row)
            color = QtWidgets.QTableWidgetItem()
            color.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
            self._table.setItem(row, 0, color)
            self._table.setItem(row, 1, QtWidgets.QTableWidgetItem(segment.GetName()))
