"""Qt properties of stand-in widgets: a value with a default that .ui files and PythonQt can read and set."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Optional

from PySide6 import QtCore

_numbers = itertools.count()


def stored(kind: str, default: Any, changed: Optional[str] = None) -> Any:
    """A property that keeps its value in the object and calls the method named `changed` when it is set."""
    key = f"_stored_{next(_numbers)}"

    def getter(self: Any) -> Any:
        return self.__dict__.get(key, default)

    def setter(self: Any, value: Any) -> None:
        self.__dict__[key] = value
        if changed is not None:
            getattr(self, changed)()

    return QtCore.Property(kind, getter, setter)


def computed(kind: str, getter: Callable, setter: Optional[Callable] = None) -> Any:
    return QtCore.Property(kind, getter, setter) if setter else QtCore.Property(kind, getter)
