"""Enumerators in PythonQt's manner: whole numbers that know their name and their Qt 6 original."""

from __future__ import annotations

import enum
import functools
from typing import Any


class QtEnum(int):
    """An enumerator such as qt.QProcess.NotRunning: an int that can be or-ed, compared and handed back to Qt."""

    original_class: Any = None

    @property
    def original(self) -> Any:
        return self.original_class(int(self))

    def __or__(self, other: Any) -> Any:
        return self._combined(int(self) | int(other), other)

    def __and__(self, other: Any) -> Any:
        return self._combined(int(self) & int(other), other)

    __ror__ = __or__
    __rand__ = __and__

    def __invert__(self) -> int:
        return ~int(self)

    def __repr__(self) -> str:
        try:
            return str(self.original.name)
        except (ValueError, AttributeError):
            return f"{type(self).__name__}({int(self)})"

    def _combined(self, value: int, other: Any) -> Any:
        if isinstance(other, QtEnum) and other.original_class is self.original_class:
            try:
                return type(self)(value)
            except ValueError:
                return value
        return value


@functools.cache
def enum_class(original_class: type) -> type:
    """PythonQt's class of an enumeration: called with a number it gives the enumerator, it has no attributes."""
    return type(original_class.__name__, (QtEnum,), {"original_class": original_class})


def from_qt(member: enum.Enum) -> Any:
    if not isinstance(member.value, int):
        return member
    return enum_class(type(member))(member.value)


def is_enum_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, enum.Enum)
