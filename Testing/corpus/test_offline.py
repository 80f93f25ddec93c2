"""Nothing leaves the machine: the whole command runs where every way out is closed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from Testing.corpus import scans

LIBRARY = Path(__file__).parents[2] / "MISTKDSegment"
# Read by every Python process before anything else, those that the command starts included.
CLOSED = '''
import sys

def refuse(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__",):
        sys.stderr.write(f"NETWORK: {event} {arguments}\\n")
        raise PermissionError(f"networking is refused: {event}")

sys.addaudithook(refuse)
'''


def command(*arguments):
    return [sys.executable, "-m", "MISTKDSegmentLib", "segment", *map(str, arguments)]


@pytest.fixture
def closed(tmp_path):
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "sitecustomize.py").write_text(CLOSED, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "closed"), str(LIBRARY)])}


def test_the_barrier_is_one(closed):
    script = "import socket; socket.create_connection(('127.0.0.1', 9))"
    done = subprocess.run([sys.executable, "-c", script], env=closed, capture_output=True, text=True)
    assert "networking is refused" in done.stderr


def check(done, out):
    assert done.returncode == 0, done.stderr
    assert "NETWORK" not in done.stderr
    assert sorted(os.listdir(out)) == ["scan.csv", "scan.png", "scan.seg.nrrd"]


@pytest.mark.parametrize("form", ["file", "series"])
def test_the_command_runs_with_networking_refused(closed, tmp_path, form):
    scan = scans.plain((6, 60, 60))
    path = tmp_path / ("scan.nii.gz" if form == "file" else "scan")
    (scans.write if form == "file" else scans.write_dicom)(scan, path)
    done = subprocess.run(command(path, "--output", tmp_path / "out"), env=closed, capture_output=True, text=True)
    check(done, tmp_path / "out")


def test_the_command_runs_without_a_network(tmp_path):
    """In a network namespace of its own there is not even a loopback: C++ libraries are shut in as well."""
    alone = ["unshare", "--net", "--map-root-user"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let processes have a network of their own")
    path = scans.write(scans.plain((6, 60, 60)), tmp_path / "scan.nii.gz")
    done = subprocess.run([*alone, *command(path, "--output", tmp_path / "out")], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(LIBRARY)})
    check(done, tmp_path / "out")
