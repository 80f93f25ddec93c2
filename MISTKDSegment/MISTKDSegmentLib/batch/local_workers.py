"""Cases on this machine: worker processes, one case at a time each, of which any may die."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection as pipes
from multiprocessing import get_context
from typing import Any, Optional, Union

from MISTKDSegmentLib.batch.case import Case, Settings
from MISTKDSegmentLib.batch.outcome import FAILED, Event, Outcome, attempt
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.system import usable_cores

TRIES = 2
# One process reads, writes and cleans up on one core, and two keep the network busy.
CORES_EACH = 2
# A thin-slice scan of 512 x 512 x 600 takes about half of it.
BYTES_EACH = 3 << 30
# Windows waits for no more than 63 pipes at once.
MOST_WORKERS = 60
_PATIENCE_S = 2.0


def default_workers() -> int:
    """As many as cores and memory are good for."""
    by_cores = usable_cores() // CORES_EACH
    try:
        by_memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // BYTES_EACH
    except (AttributeError, ValueError, OSError):  # Windows does not say
        by_memory = by_cores
    return max(1, min(by_cores, by_memory))


def on_workers(cases: Sequence[Case], settings: Settings, count: int) -> Generator[Event, None, None]:
    """Run cases in processes of their own.

    A worker that dies is replaced, and its case tried again. When the iterator is closed, all workers end at once.

    Args:
        cases: in the order in which they are begun.
        settings: what to do with them.
        count: of workers.

    Yields:
        A case and its progress, or a case and what became of it.
    """
    waiting = deque((case, 1) for case in cases)
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.case for worker in workers):
            _hand_out(waiting, workers, settings, count)
            busy: dict[Any, _Worker] = {worker.pipe: worker for worker in workers if worker.case}
            for pipe in pipes.wait(list(busy)):
                worker = busy[pipe]
                case, message = worker.take()
                if message is not None:
                    yield case, message
                    continue
                workers.remove(worker)
                if worker.tries < TRIES:
                    waiting.appendleft((case, worker.tries + 1))
                else:
                    yield case, Outcome(FAILED, _death(case, worker))
    finally:
        _end(workers)


def _hand_out(waiting: deque[tuple[Case, int]], workers: list[_Worker], settings: Settings, count: int) -> None:
    busy = sum(worker.case is not None for worker in workers)
    while len(workers) < min(count, MOST_WORKERS, busy + len(waiting)):
        workers.append(_Worker(settings))
    for worker in workers:
        if waiting and worker.case is None:
            worker.give(*waiting.popleft())


class _Worker:
    """A process and the case that it is at; `take` gives None when it has died."""

    def __init__(self, settings: Settings) -> None:
        context = get_context("spawn")
        self.pipe, its_end = context.Pipe()
        self.case: Optional[Case] = None
        self.tries = 0
        self.process = context.Process(target=serve, args=(its_end, settings), daemon=True)
        with _deaf_to_ctrl_c():
            self.process.start()
        its_end.close()

    def give(self, case: Case, tries: int) -> None:
        self.case, self.tries = case, tries
        with suppress(OSError):  # dead already, as `take` will find out
            self.pipe.send(case)

    def take(self) -> tuple[Case, Union[Progress, Outcome, None]]:
        case, message = self.case, None
        assert case is not None
        try:
            message = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(_PATIENCE_S)
            self.pipe.close()
        if isinstance(message, Outcome):
            self.case = None
        return case, message


def serve(pipe: Any, settings: Settings) -> None:
    """Do in a worker process what comes through the pipe, until the other end is closed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            pipe.send(attempt(pipe.recv(), settings, pipe.send))


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What starts here leaves Ctrl-C to us, who stop it: a terminal tells every process."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _death(case: Case, worker: _Worker) -> str:
    code = worker.process.exitcode
    return (f"{case.source} ended its worker process {TRIES} times (exit code {code}), perhaps for want of memory; "
            "use fewer --workers or crop it.")


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        # Not killed at first: it removes the file that it may be writing.
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_PATIENCE_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()
