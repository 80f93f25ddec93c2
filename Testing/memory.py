"""How much memory a process has taken."""

from __future__ import annotations

from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_mb() -> float:
    """Largest memory of this process so far, in 1e6 bytes; NaN where the system does not tell.

    Not `getrusage`: there, a process begins with what its parent had.
    """
    if not _STATUS.exists():
        return float("nan")
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6
