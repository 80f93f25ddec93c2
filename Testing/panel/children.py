"""Real child processes for the tests: PythonSlicer itself, or scripts that misbehave in its place."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from MISTKDSegmentLib.child.messages import Done, Started, encode
from MISTKDSegmentLib.inference.progress import Filled, Progress

STARTED = f"print({encode(Started(10))!r}, flush=True)\n"
HALF_DONE = f"print({encode(Progress(4, 10, Filled(0, 0, 4)))!r}, flush=True)\n"
DONE = f"print({encode(Done(()))!r}, flush=True)\n"
HANG = "time.sleep(1000)\n"
KILL_ITSELF = "os.kill(os.getpid(), signal.SIGKILL)\n"


# As the child does: it is started before the scan is written down.
_WAIT = """while os.path.isdir(folder) and not os.path.exists(folder + '/job.json'):
    time.sleep(0.005)
"""


def python_slicer(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    """Put a script in the place of PythonSlicer; `folder` and `arguments` are those of the job in it."""
    program = folder / "bin" / "PythonSlicer"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!{sys.executable} -S\nimport os, signal, subprocess, sys, time\n"
                       f"arguments, folder = sys.argv[1:], sys.argv[-1]\n{_WAIT}{body}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program


def launcher(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PythonSlicer that starts the real one and waits for it, as on some systems: to kill it ends nothing else."""
    return python_slicer(folder, monkeypatch, f"sys.exit(subprocess.call([{sys.executable!r}, *arguments]))")


def real_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return python_slicer(folder, monkeypatch, f"os.execv({sys.executable!r}, [{sys.executable!r}, *arguments])")


def processes_in(folder: Path) -> list[int]:
    """Numbers of the processes whose command line names the folder."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()
            and int(entry.name) != os.getpid() and str(folder).encode() in _command_line(entry)]


def nothing_left(folder: Path, within_s: float = 2.0) -> bool:
    """Whether soon no process works in a folder for temporary files, and nothing lies in it."""
    return soon(lambda: not processes_in(folder) and not list(folder.iterdir()), within_s)


def soon(condition: Callable[[], Any], within_s: float = 5.0) -> bool:
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def idle(host: Any, seconds: float) -> None:
    """Let the application go on for a while."""
    end = time.monotonic() + seconds
    host.pump(until=lambda: time.monotonic() > end)


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""
