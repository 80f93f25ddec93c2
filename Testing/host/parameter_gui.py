"""Connects parameters with widgets: the same pairs of widget and type as Slicer's parameterNodeWrapper."""

from __future__ import annotations

import enum
import pathlib
from collections.abc import Callable
from typing import Any, Optional

from Testing.host.parameter_types import (
    Choice,
    Decimals,
    Maximum,
    Minimum,
    SingleStep,
    WithinRange,
    findFirstAnnotation,
    getNodeTypes,
    isNodeOrUnionOfNodes,
    splitAnnotations,
)

_INT_LIMITS = (-2**31, 2**31 - 1)
_FLOAT_LIMITS = (float("-inf"), float("inf"))


class Connector:
    """A widget that shows one value: how to read it, write it, and which signal tells of a change."""

    def __init__(self, widget: Any, signal: str, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        self._widget, self._signal, self.read, self.write = widget, signal, read, write
        self._callback: Optional[Callable[[], None]] = None

    def widget(self) -> Any:
        return self._widget

    def changed(self) -> None:
        if self._callback is not None:
            self._callback()

    def onChanged(self, callback: Optional[Callable[[], None]]) -> None:
        self._callback = callback
        if callback is None:
            getattr(self._widget, self._signal).disconnect(self.changed)
        else:
            getattr(self._widget, self._signal).connect(self.changed)


def createGuiConnector(widget: Any, datatype: Any) -> Connector:
    """The connector for a widget and a possibly annotated type.

    Raises:
        RuntimeError: The real wrapper has none for this pair either.
    """
    kind, annotations = splitAnnotations(datatype)
    made = _connector(widget, type(widget).__name__, kind, annotations, datatype)
    if made is None:
        raise RuntimeError(f"Unable to create GUI connector from datatype '{datatype}' to widget type "
                           f"'{type(widget)}'")
    return made


def _connector(widget: Any, name: str, kind: Any, annotations: Any, datatype: Any) -> Optional[Connector]:
    if kind is bool and name in ("QCheckBox", "QPushButton"):
        return _ticked(widget, name)
    if kind is int and name in ("QSlider", "QSpinBox"):
        return _whole_number(widget, name, annotations)
    if kind is float and name in ("QDoubleSpinBox", "ctkSliderWidget"):
        return _number(widget, name, annotations)
    if name == "QComboBox" and kind in (int, float, str, bool):
        return _choice(widget, annotations)
    if name == "QComboBox" and isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _chosen(widget, [(getattr(kind, "label", lambda e: e.name)(e), e) for e in kind])
    if kind is str and name == "QLineEdit":
        return _attribute(widget, "textChanged", "text")
    if kind is str and name == "QTextEdit":
        return Connector(widget, "textChanged", widget.toPlainText, widget.setPlainText)
    if isinstance(kind, type) and issubclass(kind, pathlib.PurePath):
        return _path(widget, name, kind)
    if name == "qMRMLNodeComboBox" and isNodeOrUnionOfNodes(datatype):
        widget.nodeTypes = getNodeTypes(datatype)
        return Connector(widget, "currentNodeChanged", widget.currentNode, widget.setCurrentNode)
    return None


def _attribute(widget: Any, signal: str, name: str) -> Connector:
    return Connector(widget, signal, lambda: getattr(widget, name), lambda value: setattr(widget, name, value))


def _ticked(widget: Any, name: str) -> Connector:
    if name == "QPushButton" and not widget.checkable:
        widget.checkable = True
    return _attribute(widget, "stateChanged" if name == "QCheckBox" else "toggled", "checked")


def _whole_number(widget: Any, name: str, annotations: Any) -> Connector:
    low, high = _limits(widget, name == "QSlider", annotations, _INT_LIMITS)
    widget.setMinimum(low)
    widget.setMaximum(high)
    return _attribute(widget, "valueChanged", "value")


def _number(widget: Any, name: str, annotations: Any) -> Connector:
    low, high = _limits(widget, name == "ctkSliderWidget", annotations, _FLOAT_LIMITS)
    widget.minimum, widget.maximum = low, high
    return _attribute(widget, "valueChanged", "value")


def _limits(widget: Any, must_be_bounded: bool, annotations: Any, unlimited: tuple) -> tuple:
    """The real wrapper takes away a widget's own limits where the type has none: so does this."""
    for kind, name in ((Decimals, "decimals"), (SingleStep, "singleStep")):
        found = findFirstAnnotation(annotations, kind)
        if found is not None:
            setattr(widget, name, found.value)
    within = findFirstAnnotation(annotations, WithinRange)
    low, high = findFirstAnnotation(annotations, Minimum), findFirstAnnotation(annotations, Maximum)
    if must_be_bounded and within is None and (low is None or high is None):
        raise RuntimeError("Cannot have a connection to ctkSliderWidget where the float types is unbounded.")
    if within is not None:
        return within.minimum, within.maximum
    return low.minimum if low else unlimited[0], high.maximum if high else unlimited[1]


def _choice(widget: Any, annotations: Any) -> Connector:
    choice = findFirstAnnotation(annotations, Choice)
    if choice is None:
        raise RuntimeError("ComboBoxToStringableConnector requires the Choice annotation to be used.")
    return _chosen(widget, [(str(value), value) for value in choice.choices])


def _chosen(widget: Any, lines: list[tuple[str, Any]]) -> Connector:
    values = [value for _, value in lines]
    widget.clear()
    for text, _ in lines:
        widget.addItem(text)

    def write(value: Any) -> None:
        if value not in values:
            raise ValueError(f"Unable to find value {value} in choices {values}")
        widget.currentIndex = values.index(value)
    return Connector(widget, "currentIndexChanged", lambda: values[widget.currentIndex], write)


def _path(widget: Any, name: str, kind: type) -> Optional[Connector]:
    names = {"ctkPathLineEdit": ("currentPathChanged", "currentPath"),
             "ctkDirectoryButton": ("directoryChanged", "directory")}
    if name not in names:
        return None
    signal, attribute = names[name]
    return Connector(widget, signal, lambda: kind(getattr(widget, attribute)),
                     lambda value: setattr(widget, attribute, str(value)))
