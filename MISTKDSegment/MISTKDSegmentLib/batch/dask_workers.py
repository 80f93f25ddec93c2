"""Cases on the workers of a Dask scheduler."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from MISTKDSegmentLib.allocator import reuse_memory
from MISTKDSegmentLib.batch.case import Case, Settings
from MISTKDSegmentLib.batch.outcome import DONE, FAILED, WAITING, Event, Outcome, attempt, finished
from MISTKDSegmentLib.errors import SegmentError
from MISTKDSegmentLib.io.console import silenced

PATIENCE_S = 10
QUIET_S = 10  # without a case that is over: time to see whether anybody works
_LOOK_S = 0.1
_log = logging.getLogger(__name__)


class ClusterError(SegmentError):
    """The Dask scheduler is not there, or no longer."""


def on_cluster(cases: Sequence[Case], settings: Settings, address: str) -> Generator[Event, None, None]:
    """Run cases on a cluster, whose machines see the same files under the same paths.

    A case whose worker dies is tried again elsewhere, as often as the scheduler allows (by default 3 times), and then,
    as one for which memory was short, once more when the others are over, with none of them beside it. When the
    iterator is closed, cases that have not begun are taken back; those that have come to their end. While there is no
    worker, the cases wait, after a warning in the log.

    Args:
        cases: in the order in which they are begun.
        settings: what to do with them.
        address: of the scheduler, e.g. "tcp://10.0.0.1:8786".

    Yields:
        A case and what became of it; "waiting" where it is tried once more.

    Raises:
        ClusterError: the scheduler does not answer, or went away.
    """
    client = _connect(address)
    # Of a scheduler that goes away they print tracebacks; we say it in a sentence.
    with silenced("distributed.client", "distributed.utils"), closing(client):
        again = []
        for case, future in _completed(client, cases, settings):
            outcome = _outcome(case, future, address)
            if _killed(future) or outcome.lacked_memory:
                again.append(case)
                outcome = Outcome(WAITING, f"{outcome.error} It is tried once more after the others, alone.")
            yield case, outcome
        # Dask also blames the cases that waited on a worker which another one killed.
        for suspect in again:
            for case, future in _completed(client, [suspect], settings):
                yield case, _outcome(case, future, address)


def _completed(client: Any, cases: Sequence[Case], settings: Settings) -> Iterator[tuple[Case, Any]]:
    from distributed import as_completed

    futures = client.map(attempt_once, cases, settings=settings, pure=False)
    case_of = {future.key: case for future, case in zip(futures, cases)}
    completed = as_completed(futures)
    # Nobody else may hold them: what is over would be done again when the worker that remembers it dies.
    del futures
    while not completed.is_empty():
        _wait(client, completed)
        future = next(completed)
        yield case_of[future.key], future


def _wait(client: Any, completed: Any) -> None:
    """Until a case is over."""
    looked, are_workers = time.monotonic(), True
    while not completed.has_ready():
        time.sleep(_LOOK_S)
        if time.monotonic() - looked > QUIET_S:
            were_workers, are_workers = are_workers, _has_workers(client)
            looked = time.monotonic()
            if were_workers and not are_workers:
                _log.warning("The Dask scheduler has no workers, and the cases wait for one; start "
                             "it with `dask worker ADDRESS --nthreads 1`.")


def _has_workers(client: Any) -> bool:
    # A scheduler that is gone is told by the cases, which are then cancelled.
    with suppress(OSError):
        return bool(client.nthreads())
    return True


def attempt_once(case: Case, settings: Settings) -> Outcome:
    """As `attempt`, for the case that a worker finishes a case and dies before it has told anybody."""
    reuse_memory()
    outcome = finished(case, settings)
    return attempt(case, settings) if outcome is None else replace(outcome, status=DONE)


def _connect(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=PATIENCE_S)
    except (OSError, ValueError) as error:
        raise ClusterError(f"No Dask scheduler answers at {address}; start one with `dask scheduler` and pass the "
                           "address that it prints.") from error


def _killed(future: Any) -> bool:
    from distributed import KilledWorker

    return future.status == "error" and isinstance(future.exception(), KilledWorker)


def _outcome(case: Case, future: Any, address: str) -> Outcome:
    try:
        error = future.exception()
        if error is None:
            return future.result()
    except (OSError, CancelledError) as gone:
        raise ClusterError(f"The Dask scheduler at {address} went away; start it and run the same command again for "
                           "the rest.") from gone
    if _killed(future):
        return Outcome(FAILED, f"{case.source} ended its Dask worker {error.allowed_failures + 1} times, perhaps for "
                               "want of memory; start workers with more, or crop it.")
    return Outcome(FAILED, f"{case.source} could not be begun on a Dask worker ({type(error).__name__}); install the "
                           "same version of this program on all machines.")
