"""Ranges of numbers, declared with the entries of a recipe and checked in one place.

Not by jsonargparse's restricted types: their values are of classes of their own, which neither YAML nor a checkpoint
that is read with `weights_only` knows, and a recipe that Python code makes would not be checked.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple, get_type_hints

from MISTKDSegmentLib.errors import InputError


class Range(NamedTuple):
    """Numbers from `low` to `high`; neither infinity nor NaN is ever among them.

    Attributes:
        low, high: ends.
        open_low, open_high: whether an end is left out.

    Examples:
        >>> 1.0 in Range(0, 1), 1.0 in Range(0, 1, open_high=True), math.inf in Range(0)
        (True, False, False)
        >>> print(Range(0, 1, open_high=True), "/", Range(0, open_low=True), "/", Range(1))
        0 to below 1 / a number above 0 / 1 or more
    """

    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return False
        above = self.low < value if self.open_low else self.low <= value
        return above and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"a number above {self.low:g}" if self.open_low else f"{self.low:g} or more"
        return f"{self.low:g} to {'below ' if self.open_high else ''}{self.high:.10g}"


Count = Annotated[int, Range(1)]
Positive = Annotated[float, Range(0, open_low=True)]
NonNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
ShareBelowOne = Annotated[float, Range(0, 1, open_high=True)]
Factor = Annotated[float, Range(1, 10)]


def check_ranges(settings: Any, name: str = "") -> None:
    """Refuse a dataclass with a number outside the range that is declared with its entry.

    Args:
        settings: the dataclass; entries of the type `Annotated[..., Range(...)]` are looked at. None passes.
        name: of the dataclass in messages, with a dot at the end.

    Raises:
        InputError: names the entry, its value and the range.
    """
    for entry, hint in get_type_hints(type(settings), include_extras=True).items():
        for allowed in getattr(hint, "__metadata__", ()):
            value = getattr(settings, entry)
            if value is not None and value not in allowed:
                raise InputError(f"{name}{entry} is {value}: give {allowed}.")
