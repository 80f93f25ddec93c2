"""The folder that an emulated Slicer has to itself: gone with it, or at the latest when the next one starts."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

_PREFIX = "slicer-host-"
_PROCESSES = Path("/proc")
_made: set[Path] = set()


def make() -> Path:
    """A new folder; those of processes that ended without closing their Slicer are deleted."""
    sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    _made.add(folder)
    return folder


def remove(folder: Path) -> None:
    """Delete it; harmless when it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    _made.discard(folder)


def sweep(inside: Path) -> None:
    """Delete the folders whose process was killed or crashed."""
    for folder in inside.glob(f"{_PREFIX}*"):
        owner = re.fullmatch(rf"{_PREFIX}(\d+)-\w+", folder.name)
        if owner and _PROCESSES.is_dir() and not (_PROCESSES / owner[1]).exists():
            shutil.rmtree(folder, ignore_errors=True)


@atexit.register
def _remove_all() -> None:
    """A script that is interrupted may never close its Slicer."""
    for folder in tuple(_made):
        remove(folder)
