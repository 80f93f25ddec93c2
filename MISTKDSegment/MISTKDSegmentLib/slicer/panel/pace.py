"""How much time is left, from the pace so far."""

from __future__ import annotations

import time
from typing import Callable, Optional

SETTLED_S = 1.0


class Pace:
    """Watches a count grow towards its total.

    Args:
        clock: seconds, growing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: Optional[tuple[float, int]] = None
        self._last = (0.0, 0)

    def reached(self, done: int) -> None:
        """Note that the count is `done` now."""
        self._last = (self._clock(), done)
        # The time up to the first report goes to loading and warming up, and says nothing about the pace.
        if done and self._first is None:
            self._first = self._last

    def seconds_left(self, total: int) -> Optional[float]:
        """Seconds until the count is `total`; None before there are two reports at least `SETTLED_S` apart."""
        if self._first is None:
            return None
        (begun, first), (now, last) = self._first, self._last
        if last == first or now - begun < SETTLED_S:
            return None
        expected = (total - last) * (now - begun) / (last - first)
        return max(0.0, expected - (self._clock() - now))
