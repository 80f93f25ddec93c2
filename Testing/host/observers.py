"""VTK observers of stand-in widgets: gone with the widget, and at the latest with the host."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import shiboken6
import vtk

from Testing.host import events

_observed: list[tuple[Any, int, Any]] = []


def observe(owner: Any, subject: Any, event: int, method: Callable, priority: float = 0.0) -> None:
    """Calls `method(owner, data)` on each event, `data` being the node the event is about (None if none)."""
    reference = weakref.ref(owner)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def called(_caller: Any, _event: str, data: Any = None) -> None:
        living = reference()
        if living is None or not shiboken6.isValid(living):
            return
        try:
            method(living, data)
        except Exception:  # as VTK: observers raise nothing; it fails the test when the host closes
            events.report_exception()

    _observed.append((subject, subject.AddObserver(event, called, priority), reference))


def release(owner: Any) -> None:
    """Removes all observers of one widget."""
    for entry in [entry for entry in _observed if entry[2]() is owner]:
        entry[0].RemoveObserver(entry[1])
        _observed.remove(entry)


def release_subject(owner: Any, subject: Any) -> None:
    for entry in [entry for entry in _observed if entry[2]() is owner and entry[0] is subject]:
        subject.RemoveObserver(entry[1])
        _observed.remove(entry)


def release_all() -> None:
    for subject, tag, _ in _observed:
        subject.RemoveObserver(tag)
    _observed.clear()
