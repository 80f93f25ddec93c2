"""Words for messages and tables: numbers of things, lists of names, durations."""

from __future__ import annotations

from collections.abc import Iterable

MOST_NAMES = 20


def counted(number: int, what: str) -> str:
    """A number of things.

    Examples:
        >>> counted(1, "case"), counted(2, "case")
        ('1 case', '2 cases')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def listed(names: Iterable[str]) -> str:
    """Names with commas between, at most twenty.

    Examples:
        >>> listed(["liver", "spleen"])
        'liver, spleen'
        >>> listed(map(str, range(30)))[-22:]
        '17, 18, 19 and 10 more'
    """
    names = list(names)
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def spaced(name: str) -> str:
    """The name of an organ or a metric as people write it.

    Examples:
        >>> spaced("left_kidney")
        'left kidney'
    """
    return name.replace("_", " ")


def duration(seconds: float) -> str:
    """A time in hours and minutes.

    Examples:
        >>> duration(5000), duration(20)
        ('1 h 23 min', '1 min')
    """
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
