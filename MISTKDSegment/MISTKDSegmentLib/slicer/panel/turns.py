"""Long work in short turns of the event loop, so that the window stays alive (touches qt and slicer)."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Callable

from MISTKDSegmentLib.slicer.panel.timer import Timer

TURN_S = 0.03


class Turns:
    """Takes the steps of a generator, as many in each turn of the event loop as `TURN_S` has room for.

    Args:
        steps: each takes some milliseconds.
        on_end: called once after the last step with what the generator returned.
        on_error: called once with what a step raised; it is the last one then.
    """

    def __init__(self, steps: Generator[None, None, Any], on_end: Callable[[Any], None],
                 on_error: Callable[[Exception], None]) -> None:
        self._steps, self._on_end, self._on_error = steps, on_end, on_error
        self._inside = False
        self._timer = Timer(0, self._turn)

    def stop(self) -> None:
        """Take no further step; harmless after the last one."""
        self._timer.stop()
        if not self._inside:  # a generator cannot be closed by its own step
            self._steps.close()

    def _turn(self) -> None:
        end_s, self._inside = time.monotonic() + TURN_S, True
        try:
            while self._timer.isRunning:
                next(self._steps)
                if time.monotonic() >= end_s:
                    break
        except StopIteration as end:
            self._timer.stop()
            self._on_end(end.value)
        except Exception as error:
            self._timer.stop()
            self._on_error(error)
        finally:
            self._inside = False
            if not self._timer.isRunning:
                self._steps.close()
