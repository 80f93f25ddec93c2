"""What the system gives to this process and tells of others: cores, memory, and whether another one lives."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Optional

from MISTKDSegmentLib.cgroup import ROOT, cpu_limit, memory_limit


def usable_cores(root: Path = ROOT) -> int:
    """Cores that this process may use: the fewest of those that machine, affinity, container and SLURM's task give it.

    Args:
        root: of the file system.
    """
    # Affinity is not told on macOS and Windows.
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [given, cpu_limit(root), _number("SLURM_CPUS_PER_TASK")]
    return max(1, int(min(limit for limit in limits if limit)))


def usable_memory(root: Path = ROOT) -> Optional[int]:
    """Bytes that this process and those beside it may take: the least of machine, container and SLURM's job.

    Args:
        root: of the file system.

    Returns:
        The number, or None where nothing tells.
    """
    per_core = _number("SLURM_MEM_PER_CPU")
    of_job = _number("SLURM_MEM_PER_NODE") or (per_core * usable_cores(root) if per_core else None)
    limits = [_installed_memory(), memory_limit(root), of_job << 20 if of_job else None]
    return min((limit for limit in limits if limit), default=None)


def peak_memory() -> Optional[int]:
    """The most bytes of memory that this process has taken so far; None where the system does not tell."""
    if sys.platform == "win32":
        return _peak_memory_on_windows()
    try:
        # Not getrusage, where there is this: a process begins there with what its parent had.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) << 10
    except (OSError, IndexError, ValueError):
        import resource  # which Windows lacks

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << (0 if sys.platform == "darwin" else 10)


def is_alive(pid: int) -> bool:
    """Whether there is a process of that number that has not ended."""
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        # Linux: one that has ended keeps its number, for ever in some containers, until its parent takes note.
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True


def _number(variable: str) -> Optional[int]:
    value = os.environ.get(variable, "")
    return int(value) if value.isdecimal() else None


def _installed_memory() -> Optional[int]:
    if sys.platform == "win32":
        return _installed_memory_on_windows()
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


# Windows: GlobalMemoryStatusEx (sysinfoapi.h), GetProcessMemoryInfo (psapi.h), OpenProcess (processthreadsapi.h).


def _installed_memory_on_windows() -> Optional[int]:
    import ctypes

    class MemoryStatus(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint32), ("load", ctypes.c_uint32), ("total", ctypes.c_uint64),
                    ("others", ctypes.c_uint64 * 6)]

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    return int(status.total) if _kernel().GlobalMemoryStatusEx(ctypes.byref(status)) else None


def _peak_memory_on_windows() -> Optional[int]:
    import ctypes

    class Counters(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint32), ("faults", ctypes.c_uint32), ("peak", ctypes.c_size_t),
                    ("others", ctypes.c_size_t * 7)]

    counters, kernel = Counters(length=ctypes.sizeof(Counters)), _kernel()
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.GetCurrentProcess())
    done = kernel.K32GetProcessMemoryInfo(process, ctypes.byref(counters), ctypes.sizeof(counters))
    return int(counters.peak) if done else None


def _is_alive_on_windows(pid: int) -> bool:
    synchronize, still_waiting = 0x00100000, 0x102
    kernel = _kernel()
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    try:
        return bool(kernel.WaitForSingleObject(handle, 0) == still_waiting)
    finally:
        kernel.CloseHandle(handle)


def _kernel() -> Any:
    import ctypes

    return ctypes.windll.kernel32  # type: ignore[attr-defined]  # there on Windows alone
