"""What the program imports, and for how long, until its help is printed or a scan is segmented."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from Testing.benchmarks.clock import best

_MISTKD = ("-m", "MISTKDSegmentLib", "segment")
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")
_OURS = ("MISTKDSegmentLib", "SimpleITK", "numpy", "onnxruntime", "rich", "PIL")
OTHERS = "Python's own"


class Start(NamedTuple):
    """What a start takes.

    Attributes:
        help_s: from the start of `mistkd segment --help` to its end.
        help_imports, run_imports: seconds of the modules of each package, with `--help` and with a scan.
    """

    help_s: float
    help_imports: dict[str, float]
    run_imports: dict[str, float]


def environment() -> dict[str, str]:
    """That of the programs that are measured: with compiled modules, as pip installs them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measure_start(scan: Path, model: Path, times: int) -> Start:
    """Start the program with `--help` and with a scan."""
    with tempfile.TemporaryDirectory() as folder:
        run = (str(scan), "--output", folder, "--model", str(model), "--quiet")
        _imports(*run)  # compiles what has not been
        help_s, _ = best(lambda: _program("--help"), 3 * times)
        return Start(help_s, _shortest(_imports("--help") for _ in range(times)),
                     _shortest(_imports(*run) for _ in range(times)))


def _program(*arguments: str, python: tuple[str, ...] = ()) -> str:
    return subprocess.run([sys.executable, *python, *_MISTKD, *arguments], env=environment(), check=True, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).stderr


def _imports(*arguments: str) -> dict[str, float]:
    return by_package(_program(*arguments, python=("-X", "importtime")))


def by_package(report: str) -> dict[str, float]:
    """Seconds by package, from what Python's `-X importtime` prints."""
    seconds: Counter[str] = Counter()
    for microseconds, module in _LINE.findall(report):
        package = module.partition(".")[0]
        seconds[package if package in _OURS else OTHERS] += int(microseconds) / 1e6
    return dict(seconds)


def _shortest(runs: Iterable[dict[str, float]]) -> dict[str, float]:
    return min(runs, key=lambda run: sum(run.values()))
