"""Taking the time: of a call, and of the stages inside one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar
from unittest import mock

Result = TypeVar("Result")
Place = tuple[Any, str, str]


def best(work: Callable[[], Result], times: int) -> tuple[float, Result]:
    """Do some work several times: seconds of the fastest, as disturbances can only slow it down, and its result."""
    runs = [timed(work) for _ in range(times)]
    return min(runs, key=lambda run: run[0])


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that some work takes, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


class StageClock:
    """Adds up what the calls of some functions take in the thread that made the clock.

    What other threads do meanwhile takes none of its time.

    Attributes:
        seconds: per stage, in the order of the first calls.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._thread = threading.get_ident()

    @contextmanager
    def watching(self, places: Iterable[Place]) -> Iterator[None]:
        """Take the time of functions within the block; none of them may call another one.

        Args:
            places: module or class, name of the function in it, name of the stage that it belongs to.
        """
        with ExitStack() as stack:
            for owner, name, stage in places:
                stack.enter_context(mock.patch.object(owner, name, self._watched(getattr(owner, name), stage)))
            yield

    def _watched(self, function: Callable, stage: str) -> Callable:
        def watched(*arguments: Any, **options: Any) -> Any:
            seconds, result = timed(lambda: function(*arguments, **options))
            if threading.get_ident() == self._thread:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
            return result
        return watched
