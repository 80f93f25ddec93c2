"""Limits of containers, read from made-up files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from MISTKDSegmentLib.cgroup import cpu_limit, memory_kills, memory_limit

GIB = 1 << 30
V2 = "30 23 0:26 {mounted} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = ("32 31 0:29 {mounted} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:32 {mounted} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "37 31 0:34 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw")
NO_LIMIT_V1 = "9223372036854771712"


def machine(root: Path, mounts: str, groups: str, files: dict[str, str], mounted: str = "/") -> Path:
    """A file system in which a process finds itself in groups."""
    for name, content in {"proc/self/mountinfo": "22 28 0:21 / /proc rw - proc proc rw\n" +
                          mounts.format(mounted=mounted), "proc/self/cgroup": groups, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n", encoding="utf-8")
    return root


def test_a_container_of_version_2_sees_its_limits_at_the_top(tmp_path):
    root = machine(tmp_path, V2, "0::/", {"sys/fs/cgroup/cpu.max": "200000 100000",
                                          "sys/fs/cgroup/memory.max": str(4 * GIB)})
    assert (cpu_limit(root), memory_limit(root)) == (2.0, 4 * GIB)


def test_a_container_of_version_1_sees_its_limits_at_the_top(tmp_path):
    files = {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000",
             "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
             "sys/fs/cgroup/memory/memory.limit_in_bytes": str(4 * GIB)}
    groups = "11:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/docker/abc"
    root = machine(tmp_path, V1, groups, files, mounted="/docker/abc")
    assert (cpu_limit(root), memory_limit(root)) == (1.5, 4 * GIB)


def test_the_smallest_limit_of_a_group_and_those_above_it_counts(tmp_path):
    top = "sys/fs/cgroup"
    root = machine(tmp_path, V2, "0::/system.slice/job/step", {
        f"{top}/system.slice/job/step/cpu.max": "max 100000", f"{top}/system.slice/job/step/memory.max": str(9 * GIB),
        f"{top}/system.slice/job/cpu.max": "300000 50000", f"{top}/system.slice/job/memory.max": str(3 * GIB),
        f"{top}/system.slice/cpu.max": "900000 100000", f"{top}/system.slice/memory.max": "max"})
    assert (cpu_limit(root), memory_limit(root)) == (6.0, 3 * GIB)


@pytest.mark.parametrize(("mounts", "groups", "files"), [
    (V2, "0::/", {"sys/fs/cgroup/cpu.max": "max 100000", "sys/fs/cgroup/memory.max": "max"}),
    (V1, "11:memory:/\n4:cpu,cpuacct:/\n0::/", {
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1}),
    ("", "", {}), (V2, "nonsense", {"sys/fs/cgroup/cpu.max": "", "sys/fs/cgroup/memory.max": "much"})])
def test_without_a_limit_there_is_none(tmp_path, mounts, groups, files):
    root = machine(tmp_path, mounts, groups, files)
    assert (cpu_limit(root), memory_limit(root)) == (None, None)


def test_where_there_are_no_groups_there_is_no_limit(tmp_path):
    assert (cpu_limit(tmp_path), memory_limit(tmp_path), memory_kills(tmp_path)) == (None, None, 0)


@pytest.mark.parametrize("group", ["/../../other", "/docker/unknown"])
def test_a_group_that_is_told_by_its_name_outside_is_looked_for_at_the_top(tmp_path, group):
    root = machine(tmp_path, V2, f"0::{group}", {"sys/fs/cgroup/memory.max": str(GIB),
                                                 "other/memory.max": str(GIB // 2)})
    assert memory_limit(root) == GIB


def test_processes_that_were_ended_for_want_of_memory_are_counted_in_the_group_and_on_the_machine(tmp_path):
    machine(tmp_path, V2, "0::/", {"proc/vmstat": "pgfault 77\noom_kill 3\nother 9",
                                   "sys/fs/cgroup/memory.events": "low 0\nmax 7\noom 8\noom_kill 2"})
    assert memory_kills(tmp_path) == 5
    root = machine(tmp_path / "v1", V1, "11:memory:/", {
        "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4"})
    assert memory_kills(root) == 4
