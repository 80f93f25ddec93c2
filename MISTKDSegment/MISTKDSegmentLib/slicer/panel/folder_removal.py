"""Removes the temporary folder of a job for sure (touches qt)."""

from __future__ import annotations

import time

from MISTKDSegmentLib.child.job import Job
from MISTKDSegmentLib.slicer.panel.timer import Timer

PATIENCE_S, STEP_S = 0.5, 0.05
RETRY_MS = 200
ATTEMPTS = 50


def remove_job(job: Job) -> None:
    """Remove the folder now, or, where the ending child still holds its files (on Windows), as soon as that works."""
    job.remove()
    # A moment's wait: a child ends within it, and when Slicer quits no timer will come round any more.
    deadline = time.monotonic() + PATIENCE_S
    while job.folder.exists() and time.monotonic() < deadline:
        job.stop()
        time.sleep(STEP_S)
        job.remove()
    if job.folder.exists():
        _Removal(job)


class _Removal:
    """Tries again and again for ten seconds; its timer keeps it alive."""

    def __init__(self, job: Job) -> None:
        self._job, self._attempts = job, 0
        self._job.stop()
        self._timer = Timer(RETRY_MS, self._try)

    def _try(self) -> None:
        self._attempts += 1
        self._job.remove()
        if self._job.folder.exists() and self._attempts < ATTEMPTS:
            self._job.stop()  # what was removed may be just the word that ends the child
        else:
            self._timer.stop()
