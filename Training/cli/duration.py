"""Times in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A time for people.

    Examples:
        >>> duration(5000)
        '1 h 23 min'
    """
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
