"""How one part of the panel tells another that something happened, without knowing it."""

from __future__ import annotations

from typing import Any, Callable


class Signal:
    """Calls what was connected to it.

    Examples:
        >>> changed = Signal()
        >>> changed.connect(print)
        >>> changed.emit("liver", True)
        liver True
    """

    def __init__(self) -> None:
        self._slots: list[Callable[..., object]] = []

    def connect(self, slot: Callable[..., object]) -> None:
        """Call `slot` from now on, after those that were connected before it."""
        self._slots.append(slot)

    def emit(self, *values: Any) -> None:
        """Call every slot with these values."""
        for slot in list(self._slots):
            slot(*values)
