"""How glibc hands out memory in processes that are ours alone. Elsewhere, nothing happens here."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping

# Names of mallopt(3)'s parameters in malloc.h, and the sizes up to which glibc goes by itself where nobody names any.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_TRIM_BYTES, _MMAP_BYTES = 64 << 20, 32 << 20


def share_one_pool() -> None:
    """Let all threads take memory from one pool: of several, each keeps what was freed in it.

    To be called before another thread has taken memory. Nothing happens where MALLOC_ARENA_MAX says that somebody has
    chosen.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        mallopt({_M_ARENA_MAX: 1})


def reuse_memory() -> None:
    """Let this process use freed memory again, as others do.

    Dask starts its workers with MALLOC_TRIM_THRESHOLD_. To glibc that also means to map each larger array anew, page
    by page, with which segmenting takes twice as long. Nothing happens where MALLOC_MMAP_THRESHOLD_ says that somebody
    has chosen.
    """
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        mallopt({_M_MMAP_THRESHOLD: _MMAP_BYTES, _M_TRIM_THRESHOLD: _TRIM_BYTES})


def mallopt(values: Mapping[int, int]) -> bool:
    """Set parameters of glibc's allocator, by their numbers in malloc.h.

    Returns:
        Whether this system's C library took all of them.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        take = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    taken = [take(parameter, value) == 1 for parameter, value in values.items()]
    return all(taken)
