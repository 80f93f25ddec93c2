"""Stand-in for slicer.parameterNodeWrapper: typed attributes kept in a real vtkMRMLScriptedModuleNode."""

from __future__ import annotations

import logging
import types
import typing
import weakref
from collections.abc import Callable
from typing import Any, Optional

import slicer
import vtk

from Testing.host import events, parameter_types
from Testing.host.parameter_gui import Connector, createGuiConnector
from Testing.host.parameter_types import Default
from Testing.host.parameter_values import Kept, kept

NAME_PROPERTY = "SlicerParameterName"
_ADDED = ("allParameters", "_is_parameter_node_wrapper", "default", "isCached", "dataType", "getValue", "setValue",
          "connectGui", "connectParametersToGui", "disconnectGui", "StartModify", "EndModify", "AddObserver",
          "RemoveObserver", "Modified")
_TYPES = ("Validator", "WithinRange", "Minimum", "Maximum", "Choice", "Exclude", "NotNone", "Default", "Decimals",
          "SingleStep", "splitAnnotations", "unannotatedType", "findFirstAnnotation", "getNodeTypes",
          "isNodeOrUnionOfNodes")
# Observers that live as long as the host: tag by node.
_observers: list[tuple[Any, int]] = []


class _Parameter:
    def __init__(self, name: str, annotated: Any, owner: type) -> None:
        try:
            self.kept, rest = kept(annotated)
        except TypeError as error:
            raise Exception(f"Unable to create serializer for {owner} member {name}: {error}") from error
        self.name, self.annotated = name, annotated
        self.default = _default(owner, name, rest, self.kept)


class _Cached:
    """One value: read from the node when that changes, not each time it is asked for."""

    def __init__(self, parameter: _Parameter, name: str, node: Any) -> None:
        self.parameter, self._name, self._node = parameter, name, node
        if not parameter.kept.is_in(node, name):
            parameter.kept.write(node, name, parameter.default)
        self._value = parameter.kept.read(node, name)
        self._writing = False
        reference = weakref.ref(self)
        _observe(node, lambda *_: _call(reference, "_reread"))

    def _reread(self) -> None:
        if self._writing:
            return
        if not self.parameter.kept.is_in(self._node, self._name):
            self.parameter.kept.write(self._node, self._name, self.parameter.default)
        self._value = self.parameter.kept.read(self._node, self._name)

    def read(self) -> Any:
        return self._value

    def write(self, value: Any) -> None:
        self._writing = True
        try:
            with slicer.util.NodeModify(self._node):
                self.parameter.kept.write(self._node, self._name, value)
                self._value = self.parameter.kept.read(self._node, self._name)
        finally:
            self._writing = False


def parameterNodeWrapper(classtype: Optional[type] = None) -> Any:
    """The class decorator, with and without brackets."""
    return _wrapped if classtype is None else _wrapped(classtype)


def isParameterNodeWrapper(classOrObj: Any) -> bool:
    return bool(getattr(classOrObj, "_is_parameter_node_wrapper", False))


def findChildWidgetForParameter(widget: Any, parameter: str) -> Any:
    for child in _find_widgets(widget):
        if child.property(NAME_PROPERTY) == parameter:
            return child
    return None


def forget_all() -> None:
    for node, tag in _observers:
        node.RemoveObserver(tag)
    _observers.clear()


def module() -> types.ModuleType:
    """The module `slicer.parameterNodeWrapper`."""
    from Testing.host.qt_classes import CheckedModule
    made = CheckedModule("slicer.parameterNodeWrapper")
    for name in _TYPES:
        setattr(made, name, getattr(parameter_types, name))
    for function in (parameterNodeWrapper, isParameterNodeWrapper, findChildWidgetForParameter, createGuiConnector):
        setattr(made, function.__name__, function)
    made.SlicerParameterNamePropertyName = NAME_PROPERTY  # type: ignore[attr-defined]
    return made


def _wrapped(cls: Any) -> Any:
    hints = typing.get_type_hints(cls, include_extras=True)
    for name in (*_ADDED, *hints):
        if (name in _ADDED and hasattr(cls, name)) or (name in hints and name in _ADDED):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
    cls.allParameters = {name: _Parameter(name, annotated, cls) for name, annotated in hints.items()}
    cls._is_parameter_node_wrapper = True
    for name in hints:
        setattr(cls, name, _attribute(name))
    for name, function in _METHODS.items():
        setattr(cls, name, function)
    return cls


def _attribute(name: str) -> property:
    return property(lambda self: self._values[name].read(), lambda self, value: self._values[name].write(value))


def _default(owner: type, name: str, annotations: list, keeper: Kept) -> Any:
    given = [a for a in annotations if isinstance(a, Default)]
    unused = [a for a in annotations if not isinstance(a, Default)]
    if unused:
        logging.warning("Unused annotations: %s", unused)
    if hasattr(owner, name):
        return getattr(owner, name)
    return given[0].value if given else keeper.default()


def _init(self: Any, parameterNode: Any, prefix: Optional[str] = None) -> None:
    self.parameterNode = parameterNode
    self._guis, self._next_tag, self._updating = {}, 0, False
    self._values = {name: _Cached(parameter, f"{prefix or ''}{name}", parameterNode)
                    for name, parameter in self.allParameters.items()}


def _known(self: Any, name: str) -> _Parameter:
    if name not in self.allParameters:
        raise ValueError(f"Cannot find a param with the given name: {name}\n  Found parameters "
                         f"{list(self.allParameters)}")
    return self.allParameters[name]


def _connect_gui(self: Any, gui: Any) -> None:
    """Every widget with the dynamic property SlicerParameterName is connected with that parameter.

    Slicer's public source gives back no tag here (connectParametersToGui does), so neither does this.
    """
    widgets = _find_widgets(gui) if hasattr(gui, "isWidgetType") else list(vars(gui).values())
    _connect_parameters(self, {widget.property(NAME_PROPERTY): widget for widget in widgets
                               if widget.property(NAME_PROPERTY)})


def _find_widgets(gui: Any) -> list:
    import qt
    return gui.findChildren(qt.QWidget)


def _connect_parameters(self: Any, mapping: dict) -> int:
    for name in mapping:
        _known(self, name)
    connectors = {name: value if isinstance(value, Connector) else createGuiConnector(value, self.dataType(name))
                  for name, value in mapping.items()}
    tag, self._next_tag = self._next_tag, self._next_tag + 1
    self._guis[tag] = connectors
    for name, connector in connectors.items():
        connector.write(self.getValue(name))
        connector.onChanged(_from_gui(self, name, connector))
    # As in Slicer the observer keeps this object alive, and disconnectGui does not remove it.
    _observe(self.parameterNode, lambda *_: _call(lambda: self, "_update_guis"))
    return tag


def _from_gui(self: Any, name: str, connector: Connector) -> Callable[[], None]:
    def changed() -> None:
        with slicer.util.NodeModify(self):
            if not self._updating:
                self.setValue(name, connector.read())
    return changed


def _update_guis(self: Any) -> None:
    if self._updating:
        return
    self._updating = True
    try:
        with slicer.util.NodeModify(self):
            for connectors in list(self._guis.values()):
                for name, connector in connectors.items():
                    connector.write(self.getValue(name))
    finally:
        self._updating = False


def _disconnect_gui(self: Any, tag: int) -> None:
    for connector in self._guis.pop(tag, {}).values():
        connector.onChanged(None)


def _observe(node: Any, function: Callable) -> None:
    _observers.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, function)))


def _call(reference: Any, name: str) -> None:
    living = reference()
    if living is None:
        return
    try:
        getattr(living, name)()
    except Exception:  # as VTK: observers raise nothing; it fails the test when the host closes
        events.report_exception()


def _checked_value(self: Any, name: str) -> Any:
    _known(self, name)
    return self._values[name].read()


def _checked_write(self: Any, name: str, value: Any) -> None:
    _known(self, name)
    self._values[name].write(value)


_METHODS: dict[str, Any] = {
    "__init__": _init, "getValue": _checked_value, "setValue": _checked_write,
    "default": lambda self, name: Default(_known(self, name).default),
    "dataType": lambda self, name: _known(self, name).annotated,
    "isCached": lambda self, name: _known(self, name) is not None,
    "connectGui": _connect_gui, "connectParametersToGui": _connect_parameters, "disconnectGui": _disconnect_gui,
    "_update_guis": _update_guis,
    "StartModify": lambda self: self.parameterNode.StartModify(),
    "EndModify": lambda self, was: self.parameterNode.EndModify(was),
    "AddObserver": lambda self, event, callback, priority=0.0:
        self.parameterNode.AddObserver(event, callback, priority),
    "RemoveObserver": lambda self, tag: self.parameterNode.RemoveObserver(tag),
    "Modified": lambda self: self.parameterNode.Modified(),
}
