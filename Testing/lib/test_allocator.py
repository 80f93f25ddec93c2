"""Threads of a process of ours share one pool of memory, unless somebody has chosen."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from MISTKDSegmentLib import allocator

POOLS = """
import ctypes, sys, threading
from MISTKDSegmentLib.allocator import share_one_pool
if "share" in sys.argv:
    share_one_pool()
barrier = threading.Barrier(5)
def hold():
    kept = [bytes(5000) for _ in range(10)]
    barrier.wait()
    barrier.wait()
for _ in range(4):
    threading.Thread(target=hold).start()
barrier.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
barrier.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have other pools")
def test_threads_share_one_pool_unless_somebody_has_chosen():
    environment = {**os.environ, "PYTHONPATH": str(Path(allocator.__file__).parents[1])}
    environment.pop("MALLOC_ARENA_MAX", None)

    def pools(*options, **more):
        told = subprocess.check_output([sys.executable, "-c", POOLS, *options], env={**environment, **more}, text=True)
        return told.count("<heap nr")

    assert pools() > 1 and pools("share") == 1
    assert pools("share", MALLOC_ARENA_MAX="3") > 1
