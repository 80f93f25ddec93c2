"""Signals and slots in PythonQt's manner, and what becomes of an exception in a slot."""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from typing import Any, Optional

from PySide6 import QtCore

from Testing.host import api as api_module

# Qt 5's signals that Qt 6 calls differently.
QT6_SIGNALS = {
    "currentIndexChanged(QString)": "currentTextChanged", "activated(QString)": "textActivated",
    "highlighted(QString)": "textHighlighted", "valueChanged(QString)": "textChanged",
    "buttonClicked(int)": "idClicked", "buttonPressed(int)": "idPressed", "buttonReleased(int)": "idReleased",
    "buttonToggled(int,bool)": "idToggled", "error(QProcess::ProcessError)": "errorOccurred",
    "currentNodeChanged(bool)": "currentNodeChangedValid",
}
errors: list[str] = []
_connections: list[tuple[Any, str, Callable, Any, Any]] = []
# One entry for each host that was closed: what was left waiting for it in timers does nothing any more.
_closed: list[bool] = []


class BoundSignal:
    """`button.clicked`: PythonQt connects the first overload that the class lists."""

    def __init__(self, proxy: Any, name: str) -> None:
        self._proxy, self._name = proxy, name
        self._signature = proxy._api.signatures_of(name)[0]

    def connect(self, slot: Callable) -> bool:
        return connect(self._proxy, self._signature, slot)

    def disconnect(self, slot: Optional[Callable] = None) -> bool:
        return disconnect(self._proxy, self._signature, slot)

    def emit(self, *args: Any) -> None:
        from Testing.host.proxy import unwrap
        getattr(self._proxy._inner, self._name).emit(*map(unwrap, args))

    __call__ = emit

    def __repr__(self) -> str:
        return f"<qt signal {self._name} of {self._proxy!r}>"


def connect(proxy: Any, signal: str, receiver: Any, slot: Optional[str] = None) -> bool:
    """obj.connect("clicked(bool)", function) or obj.connect("clicked()", widget, "hide()")."""
    signature = checked_signature(proxy, signal)
    target = _slot_of(receiver, slot) if slot is not None else receiver
    if not callable(target):
        raise TypeError(f"The slot of {proxy._api.name}.{signature} must be callable, got {target!r}.")
    function = _receiver(target, len(api_module.types_of(signature)))
    connection = _connected(proxy, signature, function)
    _connections.append((proxy._inner, signature, target, connection, function))
    return True


def disconnect(proxy: Any, signal: Optional[str] = None, receiver: Any = None, slot: Optional[str] = None) -> bool:
    """Takes back a connection; True when there was one."""
    signature = checked_signature(proxy, signal) if signal is not None else None
    target = _slot_of(receiver, slot) if slot is not None else receiver
    found = [entry for entry in _connections if entry[0] is proxy._inner
             and (signature is None or entry[1] == signature) and (target is None or entry[2] == target)]
    for entry in found:
        QtCore.QObject.disconnect(entry[3])
        _connections.remove(entry)
    return bool(found)


def checked_signature(proxy: Any, signal: str) -> str:
    signature = api_module.normalised(signal)
    if signature not in proxy._api.signals:
        known = ", ".join(proxy._api.signatures_of(api_module.name_of(signature))) or "no signal of that name"
        raise AttributeError(f"QObject::connect: signal '{signal}' does not exist on {proxy._api.name} in Slicer 5.12 "
                             f"(it has: {known}).")
    return signature


def guarded(function: Callable, count: Optional[int] = None) -> Callable:
    """The function as Qt calls it: an exception is written down (and fails the test), it never reaches Qt."""
    made_in = len(_closed)

    @functools.wraps(function, assigned=(), updated=())
    def called(*args: Any) -> Any:
        if made_in != len(_closed):
            return None
        try:
            return function(*args[:_accepted(function, len(args) if count is None else count)])
        except Exception:  # as PythonQt: slots raise nothing; it fails the test when the host closes
            report_exception()
            return None
    return called


def report_exception() -> None:
    text = traceback.format_exc()
    errors.append(text)
    sys.stderr.write(text)


def forget_all() -> None:
    """Takes back every connection that was made through the host."""
    import shiboken6
    for inner, _, _, connection, _ in _connections:
        if shiboken6.isValid(inner):
            QtCore.QObject.disconnect(connection)
    _connections.clear()
    _closed.append(True)


def _receiver(target: Callable, count: int) -> Callable:
    from Testing.host.proxy import wrap
    call = guarded(target, count)

    def receiver(*args: Any) -> None:
        call(*[wrap(argument) for argument in args[:count]])
    return receiver


def _accepted(function: Callable, count: int) -> int:
    """PythonQt leaves out the arguments that a plain function or method has no place for."""
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        return count
    code = function.__code__
    if code.co_flags & inspect.CO_VARARGS:
        return count
    return min(count, code.co_argcount - (1 if inspect.ismethod(function) else 0))


def _connected(proxy: Any, signature: str, function: Callable) -> Any:
    if proxy._inner.metaObject().indexOfSignal(signature) >= 0:
        return QtCore.QObject.connect(proxy._inner, "2" + signature, function)
    return _qt_signal(proxy, signature).connect(function)


def _qt_signal(proxy: Any, signature: str) -> Any:
    name = QT6_SIGNALS.get(signature, api_module.name_of(signature))
    signal = getattr(proxy._inner, name, None) or getattr(proxy._inner, api_module.name_of(signature), None)
    if signal is None or not hasattr(signal, "connect"):
        raise NotImplementedError(f"{proxy._api.name}.{signature} exists in Slicer, but this emulated host does not "
                                  "have it.")
    return signal


def _slot_of(receiver: Any, slot: str) -> Callable:
    signature = api_module.normalised(slot)
    if signature not in receiver._api.slots and signature not in receiver._api.signals:
        raise AttributeError(f"QObject::connect: slot '{slot}' does not exist on {receiver._api.name} in Slicer 5.12.")
    return _Slot(receiver, api_module.name_of(signature), len(api_module.types_of(signature)))


class _Slot:
    """A C++ slot named by its signature; equal to every other one of the same object and name."""

    def __init__(self, receiver: Any, name: str, count: int) -> None:
        self._receiver, self._name, self._count = receiver, name, count

    def __call__(self, *args: Any) -> Any:
        return getattr(self._receiver, self._name)(*args[:self._count])

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Slot) and (other._receiver, other._name) == (self._receiver, self._name)

    def __hash__(self) -> int:
        return hash((self._receiver, self._name))
