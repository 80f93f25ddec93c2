"""Limits of the control groups that this process is in, which is how Linux keeps containers and batch jobs small.

Sources: man 7 cgroups; admin-guide/cgroup-v2.rst, admin-guide/cgroup-v1/memory.rst and scheduler/sched-bwc.rst of the
Linux kernel; man 5 proc for mountinfo.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Optional

ROOT = Path("/")
# Version 1 says "no limit" by the largest number of pages that there could be.
_NO_LIMIT_BYTES = 1 << 60


def cpu_limit(root: Path = ROOT) -> Optional[float]:
    """Cores that the processor time allowed in all amounts to; None without a limit, and where there are no groups.

    Args:
        root: of the file system.
    """
    limits = []
    for folder in _folders("cpu", root):
        # Both numbers are in one file in version 2, in two in version 1.
        words = _words(folder / "cpu.max") or [word for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
                                               for word in _words(folder / name)]
        if len(words) == 2 and all(word.isdecimal() and int(word) for word in words):
            limits.append(int(words[0]) / int(words[1]))
    return min(limits, default=None)


def memory_limit(root: Path = ROOT) -> Optional[int]:
    """Bytes that the groups may take in all; None without a limit, and where there are no groups.

    Args:
        root: of the file system.
    """
    found = [word for folder in _folders("memory", root) for name in ("memory.max", "memory.limit_in_bytes")
             for word in _words(folder / name)]
    return min((int(word) for word in found if word.isdecimal() and int(word) < _NO_LIMIT_BYTES), default=None)


def memory_kills(root: Path = ROOT) -> int:
    """How often the kernel has ended a process for want of memory: what counts is whether the number grows.

    It adds those of this process's group to those of the whole machine.

    Args:
        root: of the file system.
    """
    own = next(_folders("memory", root), None)
    files = [root / "proc" / "vmstat"]
    files += [] if own is None else [own / "memory.events", own / "memory.oom_control"]
    return sum(int(count) for words in map(_words, files) for name, count in zip(words, words[1:])
               if name == "oom_kill" and count.isdecimal())


def _folders(controller: str, root: Path) -> Iterator[Path]:
    """The folder of this process's group and those above it, in each hierarchy that has the controller."""
    groups = {name: group for _, names, group in _fields(root / "proc" / "self" / "cgroup", ":", 3)
              for name in names.split(",")}
    for *mount, options in _mounts(root):
        kind, mounted, point = mount
        name = "" if kind == "cgroup2" else controller
        if name not in groups or (name and name not in options.split(",")):
            continue
        top = root / point.lstrip("/")
        folder = top / _below(groups[name], mounted)
        # From within a container, what its group is called outside may be all that is told.
        folder = folder if folder.is_dir() else top
        yield from [folder, *(parent for parent in folder.parents if top == parent or top in parent.parents)]


def _mounts(root: Path) -> Iterator[tuple[str, str, str, str]]:
    """Of each mounted hierarchy of control groups: kind, what of it is mounted, where, and its options."""
    for line in _lines(root / "proc" / "self" / "mountinfo"):
        what, _, how = line.partition(" - ")
        before, after = what.split(), how.split()
        if len(before) > 4 and len(after) > 2 and after[0] in ("cgroup", "cgroup2"):
            yield after[0], before[3], before[4], after[2]


def _below(group: str, mounted: str) -> str:
    inside = group[len(mounted.rstrip("/")):] if (group + "/").startswith(mounted.rstrip("/") + "/") else ""
    return "" if ".." in inside.split("/") else inside.lstrip("/")


def _fields(path: Path, separator: str, count: int) -> list[list[str]]:
    split = [line.split(separator, count - 1) for line in _lines(path)]
    return [fields for fields in split if len(fields) == count]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
