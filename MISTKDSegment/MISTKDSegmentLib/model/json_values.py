"""Values of a JSON document that are what they should be: others end in a ValueError that says so in a few words."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any

_MAX_TEXT = 10_000
_LARGEST = 2**53  # beyond it, doubles and integers part


def text(entry: Mapping[str, Any], key: str) -> str:
    """A name or sentence for people, in one line.

    Raises:
        KeyError: there is none of that key.
        ValueError: it is no text, empty, endless, or has characters that no terminal shows.
    """
    value = entry[key]
    line = " ".join(value.split()) if isinstance(value, str) else ""
    if not line.isprintable() or not 0 < len(line) <= _MAX_TEXT:
        raise ValueError(f"{key} is {reprlib.repr(value)}, no readable text")
    return line


def number(value: Any) -> float:
    """A finite number, whole or not.

    Raises:
        ValueError: it is something else.
    """
    # A truth value is an int in Python.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= _LARGEST:
        raise ValueError(f"{reprlib.repr(value)} stands where a number should")
    return float(value)


def whole(value: Any) -> int:
    """A whole number, be it written as 8 or as 8.0.

    Raises:
        ValueError: it is something else.
    """
    if not math.modf(number(value))[0]:
        return int(value)
    raise ValueError(f"{reprlib.repr(value)} stands where a whole number should")


def flag(value: Any) -> bool:
    """True or false.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{reprlib.repr(value)} stands where true or false should")
    return value


def table(entry: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        KeyError: there is none of that key.
        ValueError: it is something else.
    """
    value = entry[key]
    if not isinstance(value, dict):
        raise ValueError(f"{key} is {reprlib.repr(value)}, no table")
    return value
