"""Memory of what was started here."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("psutil")

from Testing.benchmarks.memory import Sample, largest_by_third, memory_mb

HUNDRED_MB = "data = b'x' * 100_000_000; print(flush=True); input()"
OF_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HUNDRED_MB!r}])"


@pytest.mark.parametrize("code", [HUNDRED_MB, OF_A_CHILD])
def test_memory_is_that_of_children_and_of_their_children(code):
    before = memory_mb()
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert 100 < memory_mb() - before < 200
        process.communicate(b"\n")


@pytest.mark.parametrize("samples", [[], [Sample(0.0, 50.0)], [Sample(1.0, 50.0), Sample(9.0, 70.0)]])
def test_a_third_without_a_sample_is_told(samples):
    with pytest.raises(RuntimeError, match="more scans"):
        largest_by_third(samples)
