"""PythonQt's manner around PySide6 objects: properties as attributes, names checked, enumerators as numbers."""

from __future__ import annotations

import enum
import pathlib
import weakref
from collections.abc import Callable
from typing import Any, ClassVar, Optional

import shiboken6

from Testing.host import api as api_module
from Testing.host import enums, events

Registry: dict[type, type] = {}
_living: weakref.WeakValueDictionary[int, Proxy] = weakref.WeakValueDictionary()


class ProxyMeta(type):
    """Class of the wrapped classes: qt.QMessageBox.Ok and qt.QTimer.singleShot(…) go through here."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return class_attribute(cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        super().__setattr__(name, value)


class Proxy(metaclass=ProxyMeta):
    """One Qt object as PythonQt shows it."""

    _api: api_module.ClassApi
    _inner_class: Any
    _proxy_class: Any
    _statics: ClassVar[dict[str, Any]] = {}
    _methods: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **keywords: Any) -> None:
        if keywords:
            raise TypeError(f"{self._api.name}() takes no keyword arguments in PythonQt, was given {list(keywords)}.")
        attach(self, call_plain(_inner_class(type(self)), args))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return instance_attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("_inner", "_connections"):
            object.__setattr__(self, name, value)
        else:
            set_attribute(self, name, value)

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Proxy):
            return False
        mine, others = self._inner, other._inner
        if is_object(mine) and is_object(others):
            return mine is others
        return type(mine) is type(others) and bool(mine == others)

    def __hash__(self) -> int:
        return hash(id(self._inner)) if is_object(self._inner) else hash(repr(self._inner))

    def __bool__(self) -> bool:
        if not _alive(self._inner):
            return False
        return is_object(self._inner) or not hasattr(self._inner, "isNull") or not self._inner.isNull()

    def __len__(self) -> int:
        return len(self._inner)

    def __repr__(self) -> str:
        label = f" '{self._inner.objectName()}'" if _alive(self._inner) and is_object(self._inner) else ""
        return f"<{self._api.short_name}{label} at {id(self):#x}>"


def make_class(full_name: str, inner_class: type, class_api: api_module.ClassApi, bases: tuple[type, ...] = (),
               statics: Optional[dict] = None, methods: Optional[dict] = None) -> type:
    """The class that code sees as `full_name`, and its entry in the registry of inner classes."""
    made = ProxyMeta(class_api.short_name, bases or (Proxy,), {
        "_api": class_api, "_inner_class": inner_class, "_statics": statics or {}, "_methods": methods or {},
        "__module__": full_name.rpartition(".")[0] or "slicer", "__eq__": Proxy.__eq__, "__hash__": Proxy.__hash__})
    type.__setattr__(made, "_proxy_class", made)
    Registry[inner_class] = made
    return made


def is_object(inner: Any) -> bool:
    return hasattr(type(inner), "staticMetaObject")


def attach(proxy: Proxy, inner: Any) -> None:
    object.__setattr__(proxy, "_inner", inner)
    if is_object(inner):
        _living[id(inner)] = proxy
    if type(proxy) is not proxy._proxy_class:
        # A class derived in Python lives as long as its widget, not as long as somebody holds it.
        inner._derived_proxy = proxy


def wrap(value: Any) -> Any:
    """What PythonQt would hand to Python for a value from Qt."""
    if isinstance(value, enum.Enum):
        return enums.from_qt(value)
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(wrap(item) for item in value)
    if isinstance(value, shiboken6.Object):
        return _wrap_object(value)
    return value


def unwrap(value: Any) -> Any:
    """What Qt is given for a value from Python."""
    if isinstance(value, Proxy):
        return _checked(value)
    if isinstance(value, enums.QtEnum):
        return value.original
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(unwrap(item) for item in value)
    if isinstance(value, pathlib.PurePath):
        raise TypeError(f"PythonQt cannot convert a pathlib path to a QString: give str({value}).")
    return value


def call(function: Callable, args: tuple) -> Any:
    return wrap(call_plain(function, args))


def call_plain(function: Callable, args: tuple) -> Any:
    """Calls Qt with Python's arguments; plain numbers are taken as enumerators where Qt wants those."""
    plain = [events.guarded(argument) if _is_callable(argument) else unwrap(argument) for argument in args]
    try:
        return function(*plain)
    except TypeError as error:
        for candidate in _with_enumerators(function, plain):
            try:
                return function(*candidate)
            except TypeError:
                continue
        raise error


def class_attribute(cls: Any, name: str) -> Any:
    if name in _all_of(cls, "_statics"):
        return _all_of(cls, "_statics")[name]
    class_api = cls._api
    if name in class_api.signal_names and not class_api.is_method(name):
        return f"<unbound qt signal {name} of {class_api.short_name} type>"
    if not class_api.is_method(name):
        raise class_api.refuse(name)
    value = _qt6_attribute(cls._inner_class, class_api, name)
    if isinstance(value, enum.Enum):
        return enums.from_qt(value)
    if enums.is_enum_class(value):
        return enums.enum_class(value)
    return _function(value, name)


def instance_attribute(proxy: Proxy, name: str) -> Any:
    inner = _checked(proxy, name)
    class_api, cls = proxy._api, type(proxy)
    if name == "name" and is_object(inner):
        name = "objectName"
    if name in class_api.properties:
        return wrap(read_property(inner, class_api, name))
    methods = _all_of(cls, "_methods")
    for known in (name, name[:-1] if name.endswith("_") else name):
        if known in methods:
            return _bound(methods[known], proxy, known)
        if known in class_api.signal_names:
            return events.BoundSignal(proxy, known)
        if class_api.is_method(known):
            return _method(proxy, inner, known)
    return _dynamic(proxy, inner, name)


def set_attribute(proxy: Proxy, name: str, value: Any) -> None:
    inner = _checked(proxy, name)
    class_api = proxy._api
    if name == "name" and is_object(inner):
        name = "objectName"
    if name in class_api.properties:
        write_property(inner, class_api, name, value)
    elif class_api.is_method(name) or name in class_api.signal_names:
        kind = "Signal" if name in class_api.signal_names else "Slot"
        raise AttributeError(f"{kind} '{name}' can not be overwritten on {class_api.short_name} object")
    elif type(proxy) is not proxy._proxy_class:
        object.__setattr__(proxy, name, value)
    elif is_object(inner) and hasattr(inner, "dynamicPropertyNames") and inner.property(name) is not None:
        inner.setProperty(name, unwrap(value))
    else:
        raise AttributeError(f"'{name}' does not exist on {class_api.name} and creating new attributes on C++ "
                             "objects is not allowed")


def read_property(inner: Any, class_api: api_module.ClassApi, name: str) -> Any:
    for getter in _getters(name):
        if hasattr(inner, getter):
            value = getattr(inner, getter)
            return value() if callable(value) else value
    if hasattr(inner, "metaObject") and inner.metaObject().indexOfProperty(name) >= 0:
        return inner.property(name)
    raise _not_emulated(class_api, name)


def write_property(inner: Any, class_api: api_module.ClassApi, name: str, value: Any) -> None:
    converted = _converted(class_api, name, value)
    if not _writable(inner, name):
        raise AttributeError(f"Property '{name}' of {class_api.name} object is not writable")
    setter = getattr(inner, "set" + name[0].upper() + name[1:], None)
    if setter is not None:
        call_plain(setter, (converted,))
    elif isinstance(getattr(type(inner), name, None), property) or _is_qt_property(type(inner), name):
        setattr(inner, name, unwrap(converted))
    elif not inner.setProperty(name, unwrap(converted)):
        raise AttributeError(f"Property '{name}' of type '{class_api.properties[name]}' does not accept an object of "
                             f"type {type(value).__name__} ({value!r})")


def _is_qt_property(cls: type, name: str) -> bool:
    return type(getattr(cls, name, None)).__name__ == "Property"


def _getters(name: str) -> tuple[str, ...]:
    capital = name[0].upper() + name[1:]
    return (name, "is" + capital, "has" + capital, "to" + capital)


def _converted(class_api: api_module.ClassApi, name: str, value: Any) -> Any:
    """The value as the property's C++ type wants it, or the error that PythonQt would raise."""
    kind = class_api.properties[name]
    if kind == "QString" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if kind == "bool" and isinstance(value, (bool, int)):
        return bool(value)
    if kind == "double" and isinstance(value, int):
        return float(value)
    if (kind == "QString" and not isinstance(value, str)) or (kind in ("bool", "int", "double") and (
            value is None or isinstance(value, str))):
        raise AttributeError(f"Property '{name}' of type '{kind}' does not accept an object of type "
                             f"{type(value).__name__} ({value!r})")
    return value


def _writable(inner: Any, name: str) -> bool:
    if not hasattr(inner, "metaObject"):
        return True
    index = inner.metaObject().indexOfProperty(name)
    return index < 0 or inner.metaObject().property(index).isWritable()


def _method(proxy: Proxy, inner: Any, name: str) -> Any:
    value = _qt6_attribute(inner, proxy._api, name)
    if isinstance(value, enum.Enum):
        return enums.from_qt(value)
    if enums.is_enum_class(value):
        return enums.enum_class(value)
    return _function(value, name)


def _function(value: Any, name: str) -> Any:
    def qt_function(*args: Any, **keywords: Any) -> Any:
        if keywords:
            raise TypeError(f"{name}() takes no keyword arguments in PythonQt, was given {list(keywords)}.")
        return call(value, args)
    qt_function.__name__ = name
    return qt_function


def _bound(function: Callable, proxy: Proxy, name: str) -> Callable:
    def qt_method(*args: Any) -> Any:
        return function(proxy, *args)
    qt_method.__name__ = name
    return qt_method


def _qt6_attribute(owner: Any, class_api: api_module.ClassApi, name: str) -> Any:
    for spelling in (name, name + "_"):
        if hasattr(owner, spelling):
            return getattr(owner, spelling)
    raise _not_emulated(class_api, name)


def _not_emulated(class_api: api_module.ClassApi, name: str) -> NotImplementedError:
    return NotImplementedError(f"{class_api.name}.{name} exists in Slicer, but this emulated host does not have it.")


def _dynamic(proxy: Proxy, inner: Any, name: str) -> Any:
    if is_object(inner) and hasattr(inner, "dynamicPropertyNames"):
        if name in [bytes(known).decode() for known in inner.dynamicPropertyNames()]:
            return wrap(inner.property(name))
        for child in inner.children():
            if child.objectName() == name:
                return wrap(child)
    raise proxy._api.refuse(name)


def _wrap_object(inner: Any) -> Any:
    derived = getattr(inner, "_derived_proxy", None)
    if derived is not None:
        return derived
    if is_object(inner):
        known = _living.get(id(inner))
        if known is not None and known._inner is inner:
            return known
    for cls in type(inner).__mro__:
        if cls in Registry:
            proxy = Registry[cls].__new__(Registry[cls])
            attach(proxy, inner)
            return proxy
    return inner


def _alive(inner: Any) -> bool:
    return not isinstance(inner, shiboken6.Object) or shiboken6.isValid(inner)


def _checked(proxy: Proxy, name: str = "?") -> Any:
    inner = proxy.__dict__.get("_inner")
    if inner is None or not _alive(inner):
        raise ValueError(f"Trying to use '{name}' of a destroyed {proxy._api.short_name} object")
    return inner


def _is_callable(argument: Any) -> bool:
    return callable(argument) and not isinstance(argument, (type, Proxy)) and not isinstance(argument, enums.QtEnum)


def _all_of(cls: type, table: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        merged.update(base.__dict__.get(table, {}))
    return merged


def _with_enumerators(function: Callable, plain: list) -> list[list]:
    """The arguments with numbers replaced by enumerators, once for each overload of the function."""
    if not any(type(argument) is int for argument in plain):
        return []
    from shibokensupport.signature import get_signature
    signatures = get_signature(function) or []
    signatures = signatures if isinstance(signatures, list) else [signatures]
    return [_converted_to(signature, plain) for signature in signatures]


def _converted_to(signature: Any, plain: list) -> list:
    kinds = [p.annotation for p in signature.parameters.values() if p.name != "self"]
    return [kind(argument) if enums.is_enum_class(kind) and type(argument) is int else argument
            for kind, argument in zip(kinds + [None] * len(plain), plain)]


def _inner_class(cls: type) -> Any:
    """The PySide6 class to make: for classes derived in Python one whose virtual functions call back into them."""
    if cls is cls._proxy_class:
        return cls._inner_class
    cached = cls.__dict__.get("_derived_inner")
    if cached is None:
        names = {name for base in cls.__mro__[:cls.__mro__.index(cls._proxy_class)] for name in vars(base)}
        overridden = {name: _forwarder(name) for name in names
                      if not name.startswith("_") and callable(getattr(cls._inner_class, name, None))}
        cached = type(cls.__name__, (cls._inner_class,), overridden)
        type.__setattr__(cls, "_derived_inner", cached)
        Registry[cached] = cls._proxy_class
    return cached


def _forwarder(name: str) -> Callable:
    def forward(inner: Any, *args: Any) -> Any:
        proxy = getattr(inner, "_derived_proxy", None)
        if proxy is None:
            return getattr(type(inner).__mro__[1], name)(inner, *args)
        return unwrap(getattr(proxy, name)(*map(wrap, args)))
    return forward
