"""Timers that may be stopped, and forgotten, inside their own call (touches qt and slicer)."""

from __future__ import annotations

from typing import Callable

import qt
import slicer


class Timer:
    """Calls something from the event loop, again and again or once.

    Args:
        interval_ms: between the calls, in milliseconds.
        call: what is called.
        once: whether one call is enough.
    """

    def __init__(self, interval_ms: int, call: Callable[[], None], *, once: bool = False) -> None:
        self._call, self._once, self._running = call, once, True
        # The application owns it: a QTimer that Python deletes inside its own signal takes Slicer down.
        self._timer = qt.QTimer(slicer.app)
        self._timer.setSingleShot(once)
        self._timer.connect("timeout()", self._tick)
        self._timer.start(interval_ms)

    @property
    def isRunning(self) -> bool:
        """Whether it will call again."""
        return self._running

    def stop(self) -> None:
        """Call no more; harmless when it has stopped."""
        if self._running:
            self._running = False
            self._timer.stop()
            self._timer.disconnect("timeout()", self._tick)
            self._timer.deleteLater()

    def _tick(self) -> None:
        if self._once:
            self.stop()
        self._call()
