"""The same work on many things in several processes, which end at once when asked to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from MISTKDSegmentLib.errors import SegmentError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
            "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")

T = TypeVar("T")
R = TypeVar("R")


def run_all(work: Callable[[T], R], things: Sequence[T], workers: int) -> Generator[R, None, None]:
    """Results in the order in which they are ready.

    Closing the iterator, or an exception such as Ctrl-C, kills the processes in the middle of what they do.

    Args:
        work: a function of a module, so that processes that start afresh find it.
        things: what it is called with, one each.
        workers: number of processes; with 0 the work is done in this one.

    Raises:
        SegmentError: if a process died.
    """
    if not workers or not things:
        yield from map(work, things)
        return
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(things)), mp_context=context, initializer=_follow_parent) as pool:
        with _one_thread_each():
            futures = [pool.submit(work, thing) for thing in things]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise SegmentError("a worker process died, perhaps for lack of memory; use fewer workers.") from error
        except BaseException:
            # Not cancelled as well: the pool, once broken, would complain in a thread of its own.
            for child in set(multiprocessing.active_children()) - others:
                child.kill()
            raise


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start meanwhile compute with one thread.

    Several processes with as many threads each as there are cores hinder each other, and the last digit of a matrix
    product depends on the number of threads.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _follow_parent() -> None:
    """Let the parent alone answer Ctrl-C, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
