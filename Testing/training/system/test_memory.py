"""The allocator takes its settings on glibc and is left alone elsewhere."""

from __future__ import annotations

import platform
import sys

from Training.system.memory import keep_freed_memory


def test_glibc_takes_the_settings():
    assert keep_freed_memory() == (sys.platform.startswith("linux") and platform.libc_ver()[0] == "glibc")


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert not keep_freed_memory()
