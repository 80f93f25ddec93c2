"""Cases on this machine: worker processes, one case at a time each, of which any may die."""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection as pipes
from multiprocessing import get_context
from typing import Any, Optional, Union

from MISTKDSegmentLib.allocator import share_one_pool
from MISTKDSegmentLib.batch.case import Case, Settings
from MISTKDSegmentLib.batch.outcome import FAILED, WAITING, Event, Outcome, attempt
from MISTKDSegmentLib.cgroup import memory_kills
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.system import usable_cores, usable_memory

# One process reads, writes and cleans up on one core, and two keep the network busy.
CORES_EACH = 2
# A thin-slice scan of 512 x 512 x 600 takes about half of it.
BYTES_EACH = 3 << 30
# Windows waits for no more than 63 pipes at once.
MOST_WORKERS = 60
# SIGKILL, by which Linux ends processes that take too much memory; and how Windows says that it has no more.
KILLED = (-9, 0xC0000017, 0xC000012D)
_PATIENCE_S = 2.0


def default_workers() -> int:
    """As many as cores and memory are good for."""
    by_cores, memory = usable_cores() // CORES_EACH, usable_memory()
    return max(1, by_cores if memory is None else min(by_cores, memory // BYTES_EACH))


def on_workers(cases: Sequence[Case], settings: Settings, count: int) -> Generator[Event, None, None]:
    """Run cases in processes of their own.

    A worker that dies is replaced. Its case is tried once more when the others are over, with nothing beside it, as is
    one for which memory was short. When the iterator is closed, all workers end at once.

    Args:
        cases: in the order in which they are begun.
        settings: what to do with them.
        count: of workers.

    Yields:
        A case and its progress, or a case and what became of it; "waiting" where it is tried once more.
    """
    again: list[Case] = []
    with closing(_side_by_side(cases, settings, count)) as events:
        for case, event in events:
            if isinstance(event, _Death) or (isinstance(event, Outcome) and event.lacked_memory):
                again.append(case)
                event = Outcome(WAITING, _once_more(case, event))
            yield case, event
    for case in again:
        with closing(_side_by_side([case], settings, 1)) as events:
            for _, event in events:
                yield case, Outcome(FAILED, event.sentence(case)) if isinstance(event, _Death) else event


def _side_by_side(cases: Sequence[Case], settings: Settings, count: int) -> Generator[
        tuple[Case, Union[Progress, Outcome, _Death]], None, None]:
    waiting = deque(cases)
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.case for worker in workers):
            _hand_out(waiting, workers, settings, count)
            busy: dict[Any, _Worker] = {worker.pipe: worker for worker in workers if worker.case}
            for pipe in pipes.wait(list(busy)):
                case, message = busy[pipe].take()
                if isinstance(message, _Death):
                    workers.remove(busy[pipe])
                yield case, message
    finally:
        _end(workers)


def _hand_out(waiting: deque[Case], workers: list[_Worker], settings: Settings, count: int) -> None:
    busy = sum(worker.case is not None for worker in workers)
    while len(workers) < min(count, MOST_WORKERS, busy + len(waiting)):
        workers.append(_Worker(settings))
    for worker in workers:
        if waiting and worker.case is None:
            worker.give(waiting.popleft())


@dataclass(frozen=True)
class _Death:
    """How a worker ended that should have gone on.

    Attributes:
        exit_code: negative for a signal.
        for_memory: whether the kernel has ended processes for want of memory meanwhile.
    """

    exit_code: Optional[int]
    for_memory: bool

    @property
    def cause(self) -> str:
        if self.exit_code not in KILLED:
            return f"by a crash (exit code {self.exit_code})"
        if self.for_memory:
            return "for want of memory"
        return f"most likely for want of memory (exit code {self.exit_code})"

    def sentence(self, case: Case) -> str:
        """What to say when it has happened twice."""
        if self.exit_code not in KILLED:
            return (f"{case.source} ended its worker process twice, also alone, {self.cause}; segment it by itself "
                    "to see what is said, and report it.")
        memory = usable_memory()
        there = "" if memory is None else f" than the {memory / 1e9:.3g} GB that there are"
        return (f"{case.source} ended its worker process twice, also alone, {self.cause}: it needs more{there}; "
                "close other programs, crop it or give it a larger machine.")


class _Worker:
    """A process and the case that it is at."""

    def __init__(self, settings: Settings) -> None:
        context = get_context("spawn")
        self.pipe, its_end = context.Pipe()
        self.case: Optional[Case] = None
        self._kills_before = memory_kills()
        self.process = context.Process(target=serve, args=(its_end, settings), daemon=True)
        with _deaf_to_ctrl_c():
            self.process.start()
        its_end.close()

    def give(self, case: Case) -> None:
        self.case = case
        with suppress(OSError):  # dead already, as `take` will find out
            self.pipe.send(case)

    def take(self) -> tuple[Case, Union[Progress, Outcome, _Death]]:
        case = self.case
        assert case is not None
        try:
            message = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(_PATIENCE_S)
            self.pipe.close()
            return case, _Death(self.process.exitcode, memory_kills() > self._kills_before)
        if isinstance(message, Outcome):
            self.case = None
        return case, message


def serve(pipe: Any, settings: Settings) -> None:
    """Do in a worker process what comes through the pipe, until the other end is closed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    share_one_pool()
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


def _once_more(case: Case, event: Union[Outcome, _Death]) -> str:
    cause = event.cause if isinstance(event, _Death) else "for want of memory"
    return f"{case.source} was ended {cause}; it is tried once more after the others, alone."


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
