"""A process that works off cases, so that one that hangs or crashes is a failed test and not the end of all."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import pytest

LIMIT_S = 60.0  # of one case, which takes milliseconds; the machine may be busy


class Worker:
    """Runs functions of this package's modules, one after the other."""

    def __init__(self) -> None:
        # A fork would inherit what the libraries' threads hold.
        context = multiprocessing.get_context("spawn")
        self._connection, others = context.Pipe()
        self._process = context.Process(target=_work, args=(others,), daemon=True)
        self._process.start()
        others.close()

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The function's result; the test fails where the function raises, hangs or ends the process."""
        self._connection.send((function, arguments))
        if not self._connection.poll(LIMIT_S):
            self.stop()
            pytest.fail(f"{function.__name__} hangs")
        try:
            raised, result = self._connection.recv()
        except EOFError:
            self._process.join()
            pytest.fail(f"{function.__name__} ended the process with {self._process.exitcode}")
        if raised:
            pytest.fail(f"{function.__name__} raised\n{result}")
        return result

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


@contextmanager
def fresh_worker() -> Iterator[Callable[..., Any]]:
    """Runs functions in a worker, in a new one after the last has ended."""
    workers = [Worker()]

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        if not workers[-1]._process.is_alive():
            workers.append(Worker())
        return workers[-1].run(function, *arguments)

    try:
        yield run
    finally:
        workers[-1].stop()


def _work(connection: Connection) -> None:
    while True:
        try:
            function, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer = (False, function(*arguments))
        except BaseException:  # whatever it is, the test is to show it
            answer = (True, traceback.format_exc())
        connection.send(answer)
