"""Timers that may be stopped, and forgotten, inside their own call (touches qt and slicer)."""

from __future__ import annotations

from typing import Callable, Optional

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


class Later:
    """Calls something once, a while after it was last asked to.

    Args:
        delay_ms: how long after, in milliseconds.
        call: what is called.
    """

    def __init__(self, delay_ms: int, call: Callable[[], None]) -> None:
        self._delay_ms, self._call = delay_ms, call
        self._timer: Optional[Timer] = None

    @property
    def isDue(self) -> bool:
        """Whether the call is still to come."""
        return self._timer is not None and self._timer.isRunning

    def ask(self, delay_ms: Optional[int] = None) -> None:
        """Call later, counted from now; by default after the usual while."""
        self.forget()
        self._timer = Timer(self._delay_ms if delay_ms is None else delay_ms, self._call, once=True)

    def forget(self) -> None:
        """Do not call; harmless where nothing is due."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
