"""Loads a Qt Designer file the way Slicer does, after checking each name in it against the API file."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, Optional

from PySide6 import QtCore, QtUiTools, QtWidgets

from Testing.host import api as api_module
from Testing.host import events, stand_ins
from Testing.host.names import UNLISTED, WIDGET_UNLISTED
from Testing.host.proxy import wrap

STAND_INS: dict[str, type] = {**stand_ins.CTK, **stand_ins.MRML}


class UiFileError(AssertionError):
    """A name in a .ui file that a real Slicer would not know."""


class _Loader(QtUiTools.QUiLoader):
    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> Any:
        if class_name in STAND_INS:
            widget = STAND_INS[class_name](parent)
            widget.setObjectName(name)
            return widget
        return super().createWidget(class_name, parent, name)


def load(path: str, parent: Optional[QtWidgets.QWidget] = None) -> QtWidgets.QWidget:
    """The widget that the file describes, its connections made.

    Raises:
        UiFileError: A class, property, signal or slot that Slicer 5.12 does not have.
    """
    tree = ElementTree.parse(path)
    root = tree.getroot()
    _check_names(root, path)
    connections = [_connection(node) for node in root.iterfind("connections/connection")]
    for node in root.findall("connections"):
        root.remove(node)
    for node in root.findall("resources"):
        root.remove(node)
    widget = _load_tree(tree, parent)
    for child in widget.findChildren(QtWidgets.QWidget):
        if hasattr(child, "settle"):
            child.settle()
    for sender, signal, receiver, slot in connections:
        events.connect(_named(widget, sender, path), signal, _named(widget, receiver, path), slot)
    return widget


def _load_tree(tree: ElementTree.ElementTree, parent: Any) -> QtWidgets.QWidget:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "form.ui"
        tree.write(copy, encoding="utf-8", xml_declaration=True)
        file = QtCore.QFile(str(copy))
        file.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        try:
            return _Loader().load(file, parent)
        finally:
            file.close()


def _check_names(root: ElementTree.Element, path: str) -> None:
    for node in root.iter("widget"):
        class_name = node.get("class", "")
        if class_name == "Line":
            continue
        class_api = _class_api(class_name, path)
        for entry in node.findall("property"):
            if entry.get("stdset") != "0" and class_api is not None:
                _check_property(class_api, entry.get("name", ""), node.get("name", ""), path)


def _class_api(class_name: str, path: str) -> Optional[api_module.ClassApi]:
    for module in ("qt", "ctk", "slicer"):
        found = api_module.class_api(f"{module}.{class_name}")
        if found is not None:
            if module != "qt" and class_name not in STAND_INS:
                raise NotImplementedError(f"{path} uses {class_name}, for which this host has no stand-in.")
            return found
    if class_name in UNLISTED and class_name in WIDGET_UNLISTED:
        return None
    raise UiFileError(f"{path} uses the class {class_name}, which {api_module.API_FILE.name} does not list.")


def _check_property(class_api: api_module.ClassApi, name: str, widget: str, path: str) -> None:
    if name not in class_api.properties:
        raise UiFileError(f"{path} sets '{name}' of {widget}, but {class_api.name} has no such property in Slicer "
                          "5.12 (a dynamic property needs stdset=\"0\").")


def _connection(node: ElementTree.Element) -> tuple[str, str, str, str]:
    sender, signal, receiver, slot = (node.findtext(tag, "") for tag in ("sender", "signal", "receiver", "slot"))
    return sender, signal, receiver, slot


def _named(widget: QtWidgets.QWidget, name: str, path: str) -> Any:
    found = widget if widget.objectName() == name else widget.findChild(QtCore.QObject, name)
    if found is None:
        raise UiFileError(f"{path} connects '{name}', but has no widget of that name.")
    return wrap(found)
