"""Nothing of an emulated Slicer stays on the disk."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from Testing.host import NEEDS_HOST, temporary_folder
from Testing.host.fixture import open_host

pytestmark = NEEDS_HOST


def test_a_folder_goes_with_its_slicer():
    with open_host(None) as host:
        assert host.folder.is_dir()
    assert not host.folder.exists()


def test_a_folder_goes_even_when_its_slicer_cannot_be_taken_apart(monkeypatch):
    host = open_host(None)
    apart = host._take_apart

    def fails():
        apart()
        raise ArithmeticError
    monkeypatch.setattr(host, "_take_apart", fails)
    with pytest.raises(ArithmeticError):
        host.close()
    assert not host.folder.exists()


def test_the_folders_of_dead_processes_are_swept_and_those_of_living_ones_kept(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = [f"slicer-host-{dead.pid}-abc", f"slicer-host-{os.getpid()}-abc", "slicer-host-other", "other"]
    for name in names:
        (tmp_path / name / "tmp").mkdir(parents=True)
    temporary_folder.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_a_script_that_never_closes_its_slicer_leaves_no_folder():
    script = "from Testing.host import temporary_folder; print(temporary_folder.make())"
    folder = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()
    assert "slicer-host-" in folder and not os.path.exists(folder)
