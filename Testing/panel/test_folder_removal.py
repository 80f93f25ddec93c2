"""The temporary folder goes, at once or as soon as nobody holds its files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.child.job import Job, Order
from MISTKDSegmentLib.geometry.volume import Volume
from Testing.host import open_host
from Testing.panel.children import idle


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


@pytest.fixture
def job(tmp_path: Path) -> Job:
    volume = Volume(np.zeros((2, 3, 4), np.int16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    return Job.create(volume, Order(Path("no_model")), inside=tmp_path)


@pytest.fixture
def removal(host, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import folder_removal

    monkeypatch.setattr(folder_removal, "RETRY_MS", 5)
    monkeypatch.setattr(folder_removal, "PATIENCE_S", 0.0)
    return folder_removal


def test_the_folder_goes_at_once(removal, job):
    removal.remove_job(job)
    assert not job.folder.exists()


def test_files_that_are_still_held_go_as_soon_as_they_can_and_the_child_hears_stop_meanwhile(host, removal, job,
                                                                                            monkeypatch):
    held, real_remove = [True], job.remove

    def remove_what_is_not_held() -> None:
        for name in os.listdir(job.folder):
            if not held[0] or name != "voxels.npy":
                (job.folder / name).unlink()
        if not held[0]:
            real_remove()

    monkeypatch.setattr(job, "remove", remove_what_is_not_held)
    removal.remove_job(job)
    idle(host, 0.05)
    assert sorted(os.listdir(job.folder)) == ["stop", "voxels.npy"]
    held[0] = False
    host.pump(until=lambda: not job.folder.exists())


def test_files_that_an_ending_child_holds_for_a_moment_are_gone_when_the_call_returns(removal, job, monkeypatch):
    tries, real_remove = [], job.remove
    monkeypatch.setattr(removal, "PATIENCE_S", 5.0)
    monkeypatch.setattr(job, "remove", lambda: tries.append(1) or (len(tries) == 3 and real_remove()))
    removal.remove_job(job)
    assert len(tries) == 3 and not job.folder.exists()


def test_it_gives_up_in_the_end(host, removal, job, monkeypatch):
    tries = []
    monkeypatch.setattr(removal, "ATTEMPTS", 3)
    monkeypatch.setattr(job, "remove", lambda: tries.append(1))
    removal.remove_job(job)
    host.pump(until=lambda: len(tries) == 4)
    idle(host, 0.05)
    assert len(tries) == 4
