"""Cores and memory as the system gives them, and whether a process lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from MISTKDSegmentLib import system
from MISTKDSegmentLib.system import is_alive, peak_memory, usable_cores, usable_memory
from Testing.lib.test_cgroup import GIB, V2, machine

SLURM = ("SLURM_CPUS_PER_TASK", "SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU")


@pytest.fixture(autouse=True)
def large_machine(monkeypatch):
    """64 cores and 256 GiB, outside of SLURM."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(system, "_installed_memory", lambda: 256 * GIB)
    for name in SLURM:
        monkeypatch.delenv(name, raising=False)


def container(root, cores, memory):
    return machine(root, V2, "0::/", {"sys/fs/cgroup/cpu.max": f"{round(cores * 100000)} 100000",
                                      "sys/fs/cgroup/memory.max": str(memory)})


def test_without_limits_all_of_the_machine_is_usable(tmp_path):
    assert (usable_cores(tmp_path), usable_memory(tmp_path)) == (64, 256 * GIB)


@pytest.mark.parametrize(("cores", "usable"), [(2, 2), (1.5, 1), (0.2, 1), (80, 64)])
def test_a_container_has_the_whole_cores_that_it_may_use_and_at_least_one(tmp_path, cores, usable):
    assert usable_cores(container(tmp_path, cores, GIB)) == usable


def test_a_container_has_the_memory_that_it_may_use_and_not_more_than_there_is(tmp_path):
    assert usable_memory(container(tmp_path / "a", 1, 4 * GIB)) == 4 * GIB
    assert usable_memory(container(tmp_path / "b", 1, 999 * GIB)) == 256 * GIB


def test_affinity_limits_the_cores(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 7, 9}, raising=False)
    assert usable_cores(tmp_path) == 3


def test_slurm_limits_the_cores_of_a_task_and_the_memory_of_a_job(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    monkeypatch.setenv("SLURM_MEM_PER_CPU", "2048")
    assert (usable_cores(tmp_path), usable_memory(tmp_path)) == (4, 8 * GIB)
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "5120")
    assert usable_memory(tmp_path) == 5 * GIB


def test_what_slurm_leaves_open_is_no_limit(tmp_path, monkeypatch):
    for name, value in zip(SLURM, ("", "0", "many")):
        monkeypatch.setenv(name, value)
    assert (usable_cores(tmp_path), usable_memory(tmp_path)) == (64, 256 * GIB)


TAKEN_ONCE = """
from MISTKDSegmentLib.system import peak_memory
before = peak_memory()
block = bytearray(100 << 20)
block[::4096] = b"x" * len(block[::4096])
del block
print(before, peak_memory())
"""


def test_memory_that_was_taken_once_shows_in_the_peak_when_it_is_given_back():
    if peak_memory() is None:
        pytest.skip("this system does not tell how much memory a process has taken")
    # In a process of its own: this one may have taken more before.
    said = subprocess.run([sys.executable, "-c", TAKEN_ONCE], capture_output=True, text=True, check=True).stdout
    before, after = map(int, said.split())
    assert before > 5 << 20 and after > before + (50 << 20)


def test_a_process_lives_until_it_has_ended_also_where_nobody_takes_note():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(os.getpid()) and is_alive(process.pid)
    process.stdin.close()
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and its number is still taken
        assert not os.path.exists("/proc/self/stat") or not is_alive(process.pid)
    process.wait()
    assert not is_alive(process.pid)
