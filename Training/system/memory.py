"""Memory of this process: how much it has taken, and what the C library does with what it frees."""

from __future__ import annotations

import math

from MISTKDSegmentLib.allocator import mallopt
from MISTKDSegmentLib.system import peak_memory

# Names of mallopt(3)'s parameters in malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def peak_gib() -> float:
    """Largest memory of this process so far, in GiB; NaN where the system does not tell."""
    return (peak_memory() or math.nan) / 2**30


def keep_freed_memory() -> bool:
    """Let freed memory stay with the process: on CPUs, page faults otherwise cost up to half of a training step.

    Returns:
        Whether this system's C library took the settings; elsewhere nothing changes.
    """
    return mallopt({_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 256 << 20})
