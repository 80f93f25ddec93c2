"""A child process that has loaded what it needs, so that a run can begin at once (touches qt and slicer)."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Optional

import slicer

from MISTKDSegmentLib.child.job import Job
from MISTKDSegmentLib.errors import SegmentError
from MISTKDSegmentLib.slicer.panel.child_process import ChildProcess
from MISTKDSegmentLib.slicer.panel.folder_removal import remove_job
from MISTKDSegmentLib.slicer.panel.timer import Later

# It takes about 100 MB of memory while it waits.
PATIENCE_MS = 180_000
_log = logging.getLogger(__name__)


class ReadyChild:
    """Keeps one child process waiting for a scan, but not for ever.

    Args:
        patience_ms: how long it waits, in milliseconds.
    """

    def __init__(self, patience_ms: int = PATIENCE_MS) -> None:
        self._child: Optional[ChildProcess] = None
        self._patience = Later(patience_ms, self.drop)

    @property
    def isWaiting(self) -> bool:
        """Whether a child waits."""
        return self._child is not None

    def prepare(self) -> None:
        """Start a child unless one waits already; one that waits is given its time anew."""
        if self._child is None:
            try:
                self._child = _new_child()
            except SegmentError:
                _log.exception("No process can be started ahead of a run.")
                return
            self._child.ended.connect(partial(self._gone, self._child))
        self._patience.ask()

    def take(self) -> ChildProcess:
        """Hand over the child that waits, or a new one.

        Raises:
            OutputError: the folder for temporary files cannot be written.
        """
        if self._child is not None and not _is_usable(self._child):
            self.drop()
        child, self._child = self._child, None
        self._patience.forget()
        return child or _new_child()

    def drop(self) -> None:
        """End the child that waits; harmless where none does."""
        self._patience.forget()
        child, self._child = self._child, None
        if child is not None:
            child.stop()
            remove_job(child.job)

    def _gone(self, child: ChildProcess, sentence: Optional[str]) -> None:
        if child is self._child:
            _log.warning("The process that waited for a run has ended: %s", sentence)
            self.drop()


def _new_child() -> ChildProcess:
    child = ChildProcess(Job.empty(inside=Path(slicer.app.temporaryPath)))
    child.start()
    return child


def _is_usable(child: ChildProcess) -> bool:
    return child.job.folder.is_dir() and child.job.folder.parent == Path(slicer.app.temporaryPath)
