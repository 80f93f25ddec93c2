"""Stand-in for qMRMLNodeComboBox on a real scene: it lists, follows, creates, renames and deletes nodes."""

from __future__ import annotations

from typing import Any, Optional

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from Testing.host import dialogs, observers
from Testing.host.qt_property import computed, stored

_SCENE_EVENTS = ("NodeAddedEvent", "NodeRemovedEvent", "NodeAboutToBeRemovedEvent", "EndBatchProcessEvent",
                 "EndCloseEvent", "EndImportEvent")
# Of Slicer's model of the scene: whoever observes without a priority hears first.
_PRIORITY = -10.0


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """A combo box of nodes. The node that is chosen is kept by its id, as the list is made anew on each change."""

    currentNodeChanged = QtCore.Signal(object)
    currentNodeChangedValid = QtCore.Signal(bool)
    currentNodeIDChanged = QtCore.Signal(str)
    nodeActivated = QtCore.Signal(object)
    nodeAdded = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    nodeAddedByUserAction = QtCore.Signal(object)
    nodeAboutToBeRemoved = QtCore.Signal(object)
    nodeAboutToBeEdited = QtCore.Signal(object)
    currentNodeRenamed = QtCore.Signal(str)

    nodeTypes = stored("QStringList", [], "_list_changed")
    hideChildNodeTypes = stored("QStringList", [], "_list_changed")
    showHidden = stored("bool", False, "_list_changed")
    showChildNodeTypes = stored("bool", True, "_list_changed")
    noneEnabled = stored("bool", False, "_list_changed")
    noneDisplay = stored("QString", "None", "_list_changed")
    addEnabled = stored("bool", True, "_list_changed")
    removeEnabled = stored("bool", True, "_list_changed")
    editEnabled = stored("bool", False, "_list_changed")
    renameEnabled = stored("bool", False, "_list_changed")
    baseName = stored("QString", "")
    interactionNodeSingletonTag = stored("QString", "")
    selectNodeUponCreation = stored("bool", True)
    sizeAdjustPolicy = stored("int", 0)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._scene: Optional[Any] = None
        self._current_id = ""
        self._leaving = ""
        self._nodes: list[Any] = []
        self._shown: list[tuple[str, str]] = []
        self._labels: dict[str, str] = {}
        self._attributes: list[tuple[str, str, Optional[str]]] = []
        self._menu_actions: list[Any] = []
        self._box = QtWidgets.QComboBox(self)
        self._box.setProperty("hostPrivate", True)
        self._box.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._box.setMinimumContentsLength(12)
        self._box.activated.connect(self._activated)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self._show_list()

    # What Slicer's class offers

    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        observers.release(self)
        self._scene = scene
        for event in _SCENE_EVENTS if scene is not None else ():
            observers.observe(self, scene, getattr(slicer.vtkMRMLScene, event), getattr(type(self), "_on" + event),
                              _PRIORITY)
        self._list_changed()

    def mrmlScene(self) -> Any:
        return self._scene

    def currentNode(self) -> Any:
        return next((node for node in self._nodes if node.GetID() == self._current_id), None)

    def setCurrentNode(self, node: Any) -> None:
        self.setCurrentNodeID(node if isinstance(node, str) else node.GetID() if node is not None else "")

    def setCurrentNodeID(self, identifier: str) -> None:
        known = identifier if any(node.GetID() == identifier for node in self._nodes) else ""
        self._choose(known)

    def setCurrentNodeIndex(self, index: int) -> None:
        self._choose(self._nodes[index].GetID() if 0 <= index < len(self._nodes) else "")

    currentNodeID = computed("QString", lambda self: self._current_id, setCurrentNodeID)
    currentNodeId = computed("QString", lambda self: self._current_id, setCurrentNodeID)

    def nodeCount(self) -> int:
        return len(self._nodes)

    def nodeFromIndex(self, index: int) -> Any:
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def addNode(self, node_type: str = "") -> Any:
        kind = node_type or (self.nodeTypes[0] if self.nodeTypes else "")
        node = self._scene.CreateNodeByClass(kind)
        node.UnRegister(None)
        base = self.baseName or node.GetNodeTagName()
        node.SetName(self._scene.GenerateUniqueName(base))
        for attribute_type, name, value in self._attributes:
            if node.IsA(attribute_type):
                node.SetAttribute(name, value or "")
        added = self._scene.AddNode(node)
        self.nodeAddedByUserAction.emit(added)
        if self.selectNodeUponCreation:
            self._choose(added.GetID())
        self.nodeAddedByUser.emit(added)
        return added

    def removeCurrentNode(self) -> None:
        if self.currentNode() is not None:
            self._scene.RemoveNode(self.currentNode())

    def renameCurrentNode(self) -> None:
        name = dialogs.current().input("getText", "Rename " + self._label(), "New name:")
        if name:
            self.currentNode().SetName(name)
            self.currentNodeRenamed.emit(name)

    def editCurrentNode(self) -> None:
        self.nodeAboutToBeEdited.emit(self.currentNode())

    def addAttribute(self, node_type: str, name: str, value: Optional[str] = None) -> None:
        self._attributes.append((node_type, name, value))
        self._list_changed()

    def removeAttribute(self, node_type: str, name: str) -> None:
        self._attributes = [a for a in self._attributes if a[:2] != (node_type, name)]
        self._list_changed()

    def addMenuAction(self, action: Any) -> None:
        self._menu_actions.append(action)

    def setNodeTypeLabel(self, label: str, node_type: str) -> None:
        self._labels[node_type] = label
        self._show_list()

    def nodeTypeLabel(self, node_type: str) -> str:
        return self._labels.get(node_type) or self._type_label(node_type)

    def emitCurrentNodeChanged(self) -> None:
        self.currentNodeChanged.emit(self.currentNode())

    # What the user does; the host's `choose` and tests call these

    def item_texts(self) -> list[str]:
        """Everything in the opened list, extra items included."""
        return [self._box.itemText(index) for index in range(self._box.count()) if self._box.itemText(index)]

    def activate(self, text: str) -> None:
        """As if the user picked the line."""
        index = self._box.findText(text)
        if index < 0:
            raise AssertionError(f"{self.objectName()} has no line '{text}', only {self.item_texts()}.")
        self._box.setCurrentIndex(index)
        self._activated(index)

    def current_text(self) -> str:
        return self._box.currentText() or self._box.placeholderText()

    # How it follows the scene

    def _onNodeAddedEvent(self, node: Any) -> None:
        if node is None or self._scene.IsBatchProcessing() or not self._is_of_type(node):
            return
        self._list_changed()
        if self._listed(node):
            self.nodeAdded.emit(node)

    def _onNodeAboutToBeRemovedEvent(self, node: Any) -> None:
        if node is None or not any(node is known for known in self._nodes):
            return
        self.nodeAboutToBeRemoved.emit(node)
        if not self._scene.IsBatchProcessing():
            observers.release_subject(self, node)
            self._take_row_of(node)

    def _onNodeRemovedEvent(self, node: Any) -> None:
        self._leaving = ""

    def _take_row_of(self, node: Any) -> None:
        """Slicer takes the row away while the node is still there; then Qt chooses the row in its place."""
        row = next(index for index, known in enumerate(self._nodes) if known is node)
        was_chosen = self._current_id == node.GetID()
        self._leaving = node.GetID()
        self._nodes = self._matching()
        if was_chosen:
            self._choose(self._neighbour(row), force=True)
        else:
            self._show_list()

    def _neighbour(self, row: int) -> str:
        """Id of the node that is chosen when the chosen one was in this row; "" where none is.

        The row below follows; below the last one there may be the row of an action, which leads to the last node.
        Qt does not do so for the very first row of the list.
        """
        is_first = row == 0 and not self.noneEnabled
        if is_first or not self._nodes:
            return ""
        return self._nodes[min(row, len(self._nodes) - 1)].GetID()

    def _onEndBatchProcessEvent(self, _data: Any) -> None:
        if not self._scene.IsBatchProcessing():
            self._list_changed()

    _onEndCloseEvent = _onEndBatchProcessEvent
    _onEndImportEvent = _onEndBatchProcessEvent

    def _node_modified(self, _data: Any) -> None:
        if [(node.GetID(), self._text(node)) for node in self._matching()] != self._shown:
            self._list_changed()

    # The list

    def _list_changed(self) -> None:
        if not hasattr(self, "_box"):
            return
        before = self._current_id
        had = bool(self._nodes)
        self._nodes = self._matching()
        for node in self._of_type():
            observers.release_subject(self, node)
            observers.observe(self, node, vtk.vtkCommand.ModifiedEvent, type(self)._node_modified)
        if not any(node.GetID() == before for node in self._nodes):
            gone = bool(before) and had
            # Qt chooses the first row of a list that was empty, not whenever nothing is chosen.
            may_choose = not self.noneEnabled and (gone or not had)
            first = self._nodes[0].GetID() if self._nodes and may_choose else ""
            self._show_list()
            if gone or first:
                self._choose(first, force=gone)
            return
        self._show_list()

    def _choose(self, identifier: str, force: bool = False) -> None:
        changed = force or identifier != self._current_id
        self._current_id = identifier
        self._show_list()
        if changed:
            node = self.currentNode()
            self.currentNodeChanged.emit(node)
            self.currentNodeChangedValid.emit(node is not None)
            self.currentNodeIDChanged.emit(identifier)

    def _of_type(self) -> list[Any]:
        if self._scene is None:
            return []
        nodes = [self._scene.GetNthNode(index) for index in range(self._scene.GetNumberOfNodes())]
        return [node for node in nodes if self._is_of_type(node)]

    def _matching(self) -> list[Any]:
        return [node for node in self._of_type() if self._listed(node)]

    def _listed(self, node: Any) -> bool:
        return (node.GetID() != self._leaving and self._is_of_type(node)
                and (self.showHidden or not node.GetHideFromEditors())
                and not any(node.IsA(kind) for kind in self.hideChildNodeTypes)
                and all(self._has_attribute(node, *attribute) for attribute in self._attributes))

    def _is_of_type(self, node: Any) -> bool:
        if self.showChildNodeTypes:
            return any(node.IsA(kind) for kind in self.nodeTypes)
        return node.GetClassName() in self.nodeTypes

    def _has_attribute(self, node: Any, node_type: str, name: str, value: Optional[str]) -> bool:
        if not node.IsA(node_type):
            return True
        found = node.GetAttribute(name)
        return found is not None and (value is None or found == value)

    def _text(self, node: Any) -> str:
        return node.GetName() or ""

    def _label(self) -> str:
        return self.nodeTypeLabel(self.nodeTypes[0]) if self.nodeTypes else "node"

    def _type_label(self, node_type: str) -> str:
        scene = self._scene or slicer.vtkMRMLScene()
        return scene.GetTypeDisplayNameByClassName(node_type) or node_type.replace("vtkMRML", "").replace("Node", "")

    def _show_list(self) -> None:
        box = self._box
        box.blockSignals(True)
        box.clear()
        if self.noneEnabled:
            box.addItem(self.noneDisplay, "")
        self._shown = [(node.GetID(), self._text(node)) for node in self._nodes]
        for node in self._nodes:
            box.addItem(self._text(node), node.GetID())
        actions = self._extra_items()
        if actions and box.count():
            box.insertSeparator(box.count())
        for text, action in actions:
            box.addItem(text, action)
        box.setPlaceholderText("Select a " + self._label() if self.nodeTypes else "")
        box.setCurrentIndex(box.findData(self._current_id) if self._current_id or self.noneEnabled else -1)
        box.setEnabled(self._scene is not None)
        box.blockSignals(False)

    def _extra_items(self) -> list[tuple[str, Any]]:
        """Actions below the nodes; the ones about the current node are there only while one is chosen."""
        items: list[tuple[str, Any]] = []
        chosen = bool(self._current_id)
        if self.renameEnabled and chosen:
            items.append((f"Rename current {self._label()}", ("rename", "")))
        if self.editEnabled and chosen:
            items.append((f"Edit current {self._label()}", ("edit", "")))
        if self.addEnabled:
            for kind in self.nodeTypes:
                items.append((f"Create new {self.nodeTypeLabel(kind)}", ("add", kind)))
                items.append((f"Create new {self.nodeTypeLabel(kind)} as...", ("add as", kind)))
        if self.removeEnabled and chosen:
            items.append((f"Delete current {self._label()}", ("remove", "")))
        return items

    def _activated(self, index: int) -> None:
        data = self._box.itemData(index)
        if isinstance(data, (tuple, list)):
            self._run(*data)
        else:
            self._choose(data or "")
            self.nodeActivated.emit(self.currentNode())

    def _run(self, action: str, kind: str) -> None:
        self._show_list()
        if action == "add":
            self.addNode(kind)
        elif action == "add as":
            name = dialogs.current().input("getText", "Create new " + self.nodeTypeLabel(kind), "New name:")
            if name:
                self.addNode(kind).SetName(name)
        else:
            getattr(self, action + "CurrentNode")()


class qMRMLCheckableNodeComboBox(qMRMLNodeComboBox):
    """A node combo box in which several nodes can be ticked; ticking is by code only."""

    checkedNodesChanged = QtCore.Signal()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._checked: list[Any] = []

    def check(self, node: Any) -> None:
        if not any(node is known for known in self._checked):
            self._checked.append(node)
            self.checkedNodesChanged.emit()

    def uncheck(self, node: Any) -> None:
        self._checked = [known for known in self._checked if known is not node]
        self.checkedNodesChanged.emit()

    def checkedNodes(self) -> list[Any]:
        return list(self._checked)
