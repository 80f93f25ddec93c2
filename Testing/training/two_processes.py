"""Runs a function in two processes that share their work, as two devices would."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from torch import distributed, multiprocessing

Work = Callable[[int, Path], None]


def in_two_processes(work: Work, folder: Path) -> None:
    """Call `work(rank, folder)` in two processes of one gloo group; errors come out here."""
    multiprocessing.spawn(_member, (work, folder), nprocs=2)


def _member(rank: int, work: Work, folder: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=2)
    work(rank, folder)
    distributed.barrier()
    # An orderly exit now and then aborts: C++ destroys gloo's threads before they have ended.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
