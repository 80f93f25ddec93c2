"""Methods where PythonQt and Qt 5 differ from PySide6 and Qt 6, by class name."""

from __future__ import annotations

import re
from typing import Any, Optional

import shiboken6
from PySide6 import QtCore, QtWidgets

from Testing.host import dialogs, events
from Testing.host.proxy import Proxy, Registry, call, unwrap, wrap


def _class_name(proxy: Proxy) -> str:
    return proxy._api.short_name


def _inherits(proxy: Proxy, name: str) -> bool:
    return any(base.__name__ == name for base in type(proxy._inner).__mro__)


def _delete(proxy: Proxy) -> None:
    shiboken6.delete(proxy._inner)


def _property(proxy: Proxy, name: str) -> Any:
    known = [bytes(dynamic).decode() for dynamic in proxy._inner.dynamicPropertyNames()]
    if name in proxy._api.properties and name not in known:
        return getattr(proxy, name)
    return wrap(proxy._inner.property(name)) if name in known else None


def _set_property(proxy: Proxy, name: str, value: Any) -> bool:
    if name in proxy._api.properties:
        setattr(proxy, name, value)
        return True
    return bool(proxy._inner.setProperty(name, unwrap(value)))


def _dynamic_property_names(proxy: Proxy) -> list:
    return [wrap(name) for name in proxy._inner.dynamicPropertyNames()]


def _children(proxy: Proxy) -> list:
    return [wrap(child) for child in proxy._inner.children() if not _hidden(child)]


def _find_children(proxy: Proxy, kind: Any = None, name: Any = None) -> list:
    inner_kind = _kind(kind)
    found = [child for child in proxy._inner.findChildren(QtCore.QObject)
             if isinstance(child, inner_kind) and not _hidden(child)]
    if isinstance(name, str) and name:
        found = [child for child in found if child.objectName() == name]
    elif isinstance(name, re.Pattern):
        found = [child for child in found if name.search(child.objectName())]
    return [wrap(child) for child in found]


def _find_child(proxy: Proxy, kind: Any = None, name: str = "") -> Any:
    found = _find_children(proxy, kind, name)
    return found[0] if found else None


def _kind(kind: Any) -> tuple[type, ...]:
    """The inner class for a class, or for its C++ name."""
    if kind is None:
        return (QtCore.QObject,)
    if isinstance(kind, str):
        return tuple(inner for inner, cls in Registry.items() if cls.__name__ == kind)
    return (kind._inner_class,)


def _hidden(child: Any) -> bool:
    """Parts that a stand-in is built of and that the real widget does not show."""
    return bool(child.property("hostPrivate")) or (child.parent() is not None and _hidden(child.parent()))


def _block_signals(proxy: Proxy, blocked: bool) -> bool:
    return bool(proxy._inner.blockSignals(bool(blocked)))


OBJECT: dict[str, Any] = {
    "connect": events.connect, "disconnect": events.disconnect, "className": _class_name, "inherits": _inherits,
    "delete": _delete, "property": _property, "setProperty": _set_property, "children": _children,
    "dynamicPropertyNames": _dynamic_property_names, "findChildren": _find_children, "findChild": _find_child,
    "blockSignals": _block_signals,
}


def _exec_dialog(proxy: Proxy) -> Any:
    return wrap(dialogs.current().executed(proxy._inner))


def _open_dialog(proxy: Proxy) -> None:
    dialogs.current().opened(proxy._inner)


def _exec_menu(proxy: Proxy, *_args: Any) -> Any:
    return wrap(dialogs.current().menu(proxy._inner))


def _text_width(proxy: Proxy, text: str) -> int:
    return proxy._inner.horizontalAdvance(text)


def _align(proxy: Proxy, alignment: int) -> None:
    proxy._inner.setTextAlignment(QtCore.Qt.AlignmentFlag(int(alignment)))


def _load_ui(proxy: Proxy, file: Any, parent: Optional[Proxy] = None) -> Any:
    from Testing.host import ui_file
    return wrap(ui_file.load(unwrap(file).fileName(), unwrap(parent)))


def _start(proxy: Proxy, *args: Any) -> Any:
    started.append(proxy._inner)
    if len(args) == 1 and isinstance(args[0], str):
        parts = QtCore.QProcess.splitCommand(args[0])
        return call(proxy._inner.start, (parts[0], parts[1:]))
    return call(proxy._inner.start, args)


# Child processes of the open host: none may be left when it closes.
started: list[QtCore.QProcess] = []
METHODS: dict[str, dict[str, Any]] = {
    "QDialog": {"exec": _exec_dialog, "open": _open_dialog},
    "QMenu": {"exec": _exec_menu},
    "QFontMetrics": {"width": _text_width},
    "QUiLoader": {"load": _load_ui},
    "QProcess": {"start": _start},
    "QTableWidgetItem": {"setTextAlignment": _align}, "QListWidgetItem": {"setTextAlignment": _align},
}


def _open_url(url: Any) -> bool:
    target = unwrap(url)
    dialogs.current().opened_urls.append(target.toString() if hasattr(target, "toString") else str(target))
    return True


def _file_answer(kind: str) -> Any:
    def ask(parent: Any = None, caption: str = "", directory: str = "", *_rest: Any) -> Any:
        for text in (caption, directory):
            if not isinstance(text, str):
                raise TypeError(f"QFileDialog.{kind}: captions and folders are strings, got {text!r}.")
        return dialogs.current().file(kind, caption, directory)
    return ask


def _message_answer(kind: str) -> Any:
    def ask(parent: Any, title: str, text: str, buttons: Any = None, default: Any = None) -> Any:
        chosen = QtWidgets.QMessageBox.StandardButton(int(buttons)) if buttons is not None else (
            QtWidgets.QMessageBox.StandardButton.Yes | QtWidgets.QMessageBox.StandardButton.No
            if kind == "question" else QtWidgets.QMessageBox.StandardButton.Ok)
        return wrap(dialogs.current().message(kind, title, text, chosen))
    return ask


def _input_answer(kind: str) -> Any:
    def ask(parent: Any, title: str, label: str, *_rest: Any) -> Any:
        return dialogs.current().input(kind, title, label)
    return ask


def _single_shot(delay_ms: int, *rest: Any) -> None:
    QtCore.QTimer.singleShot(int(delay_ms), events.guarded(rest[-1], 0))


class QRegExp:
    """Qt 5's regular expression; only its pattern."""

    def __init__(self, pattern: str = "") -> None:
        self._pattern = pattern

    def pattern(self) -> str:
        return self._pattern


STATICS: dict[str, dict[str, Any]] = {
    "QTimer": {"singleShot": _single_shot},
    "QDesktopServices": {"openUrl": _open_url},
    "QFileDialog": {kind: _file_answer(kind) for kind in
                    ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory")},
    "QMessageBox": {kind: _message_answer(kind) for kind in
                    ("question", "information", "warning", "critical", "about")},
    "QInputDialog": {kind: _input_answer(kind) for kind in ("getText", "getItem", "getInt", "getDouble")},
}
QT5_ONLY: dict[str, Any] = {"QRegExp": QRegExp}
