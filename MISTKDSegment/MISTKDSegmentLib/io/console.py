"""What libraries print past us."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

# The descriptor is the whole process's: whoever came second would take the first one's file for the console.
_one_at_a_time = threading.Lock()


@contextmanager
def captured_stderr() -> Iterator[IO[bytes]]:
    """Send all that this process writes to file descriptor 2 to the yielded file instead of the console."""
    with _one_at_a_time, tempfile.TemporaryFile() as log:
        try:
            console = os.dup(2)
        except OSError:  # a process without a console prints nowhere
            yield log
            return
        os.dup2(log.fileno(), 2)
        try:
            yield log
        finally:
            os.dup2(console, 2)
            os.close(console)


@contextmanager
def silenced(*loggers: str) -> Iterator[None]:
    """Keep what loggers say to themselves; they are the whole process's.

    Args:
        loggers: names. Those below them count only where they have no level of their own.
    """
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in loggers}
    try:
        for logger in levels:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
