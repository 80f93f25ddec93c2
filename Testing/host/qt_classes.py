"""The modules `qt` and `ctk`: PythonQt's view of PySide6's classes and of the stand-ins for CTK's."""

from __future__ import annotations

import functools
import types
from typing import Any, Optional

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from Testing.host import api as api_module
from Testing.host import enums, object_methods
from Testing.host.names import NAMESPACES, UNLISTED, WIDGET_UNLISTED
from Testing.host.proxy import Proxy, Registry, make_class

MODULES = (QtCore, QtGui, QtWidgets, QtUiTools)


class CheckedModule(types.ModuleType):
    """A module that has what it was given and refuses the rest by name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"module '{self.__name__}' has no attribute '{name}' in this emulated Slicer 5.12; "
                             "if the real one has it, Testing/host/names.py is where to add it.")


@functools.cache
def qt_module() -> types.ModuleType:
    """`qt`, made once a process: it holds no state of a host."""
    module = CheckedModule("qt")
    names = [name[3:] for name in api_module.listed_classes() if name.startswith("qt.")] + list(UNLISTED)
    for name in sorted(names, key=_depth):
        setattr(module, name, _qt_class(name))
    for name in NAMESPACES:
        setattr(module, name, _namespace(name))
    module.Signal = _refused_signal
    return module


def stand_in_module(name: str, classes: dict[str, type]) -> types.ModuleType:
    module = CheckedModule(name)
    for class_name, inner in classes.items():
        setattr(module, class_name, stand_in_class(f"{name}.{class_name}", inner))
    return module


def stand_in_class(full_name: str, inner: type) -> type:
    """The class of a stand-in widget; only the API file says what it shows."""
    if inner in Registry:
        return Registry[inner]
    class_api = api_module.class_api(full_name)
    if class_api is None:
        raise LookupError(f"{full_name} is not in {api_module.API_FILE.name}.")
    methods = {**object_methods.OBJECT, **_special(inner)}
    return make_class(full_name, inner, class_api, methods=methods)


def _special(inner: type) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for base in reversed(inner.__mro__):
        merged.update(object_methods.METHODS.get(base.__name__, {}))
    return merged


def _qt_class(name: str) -> type:
    inner = _pyside(name)
    if inner is None:
        raise LookupError(f"PySide6 has no {name}.")
    class_api = api_module.class_api(f"qt.{name}")
    if class_api is None:
        allowed = [known for base in inner.__mro__ for known in UNLISTED.get(base.__name__, "").split()]
        class_api = _sorted_api(name, inner, allowed)
    elif not class_api.properties and hasattr(inner, "staticMetaObject"):
        class_api = _sorted_api(name, inner, sorted(class_api.other))
    bases = tuple(Registry[base] for base in inner.__mro__[1:] if base in Registry)[:1]
    methods = dict(object_methods.METHODS.get(name, {}))
    if hasattr(inner, "staticMetaObject"):
        methods = {**object_methods.OBJECT, **_special(inner)}
    return make_class(f"qt.{name}", inner, class_api, bases or (Proxy,),
                      object_methods.STATICS.get(name), methods)


@functools.cache
def _pyside(name: str) -> Optional[type]:
    for module in MODULES:
        if hasattr(module, name):
            return getattr(module, name)
    return object_methods.QT5_ONLY.get(name)


def _depth(name: str) -> tuple[int, str]:
    inner = _pyside(name)
    return (len(inner.__mro__) if inner is not None else 0, name)


def _sorted_api(name: str, inner: type, allowed: list[str]) -> api_module.ClassApi:
    """Names without kinds, sorted into properties, signals and methods by Qt's own meta object."""
    properties, signals, rest = {}, [], []
    meta = getattr(inner, "staticMetaObject", None)
    if meta is not None:
        allowed = [*allowed, *UNLISTED["QObject"].split()]
    for known in allowed:
        index = meta.indexOfProperty(known) if meta is not None else -1
        found = _signal_signatures(meta, known)
        if index >= 0:
            properties[known] = meta.property(index).typeName()
        elif found:
            signals += found
        else:
            rest.append(known)
    parent = api_module.class_api("qt.QWidget") if name in WIDGET_UNLISTED else None
    if parent is not None:
        return api_module.ClassApi(f"qt.{name}", {**parent.properties, **properties},
                                   (*signals, *parent.signals), parent.slots, parent.other | set(rest))
    return api_module.ClassApi(f"qt.{name}", properties, tuple(signals), (), frozenset(rest))


def _signal_signatures(meta: Any, name: str) -> list[str]:
    if meta is None:
        return []
    methods = [meta.method(index) for index in range(meta.methodCount())]
    return [bytes(m.methodSignature()).decode() for m in methods
            if bytes(m.name()).decode() == name and m.methodType() == QtCore.QMetaMethod.MethodType.Signal]


class _Namespace:
    """qt.Qt: enumerators, flat, as numbers."""

    def __init__(self, original: Any, name: str) -> None:
        self._original, self._name = original, name

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._original, name, None)
        if value is None:
            raise AttributeError(f"qt.{self._name} has no attribute named '{name}'.")
        return enums.enum_class(value) if enums.is_enum_class(value) else enums.from_qt(value)


def _namespace(name: str) -> Any:
    return _Namespace(getattr(QtCore, name), name)


def _refused_signal(*_types: Any) -> None:
    raise NotImplementedError("qt.Signal is not emulated by this host: connect functions instead.")


def signal_signatures(inner: type) -> tuple[str, ...]:
    """The signals that a stand-in's own class declares."""
    meta = inner.staticMetaObject
    methods = [meta.method(index) for index in range(meta.methodOffset(), meta.methodCount())]
    return tuple(bytes(m.methodSignature()).decode() for m in methods
                 if m.methodType() == QtCore.QMetaMethod.MethodType.Signal)
