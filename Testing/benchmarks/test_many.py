"""Many scans are watched to their end: none is missing, none is made again unnoticed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("psutil")
pytest.importorskip("distributed")

from MISTKDSegmentLib.geometry.volume import Volume
from Testing.benchmarks.many import reckoning, records, run_many, run_on_dask
from Testing.benchmarks.scans import write_many


@pytest.fixture(autouse=True)
def watchful(monkeypatch):
    monkeypatch.setattr("Testing.benchmarks.many.LOOK_S", 0.01)  # these scans are over sooner than others


@pytest.fixture
def scans(tmp_path) -> Path:
    voxels = np.full((6, 24, 24), -1000, np.int16)
    voxels[:, 2:22, 2:22] = -100
    write_many(tmp_path / "scans", [Volume(voxels, (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))], [0] * 4)
    return tmp_path / "scans"


def test_a_run_says_what_became_of_each_scan(tiny_bundle, scans, tmp_path):
    (scans / "000002.nii.gz").unlink()
    (scans / "000002.nii.gz").write_bytes(b"no scan")
    at_half = []
    run = run_many("one", scans, tmp_path / "out", tiny_bundle, ("--workers", "1"), lambda: at_half.append("now"))
    assert (run.scans, run.statuses, run.lost, run.twice) == (4, {"done": 3, "failed": 1}, 1, 0)
    assert run.per_hour == pytest.approx(4 * 3600 / run.seconds)
    assert at_half == ["now"] and max(one.megabytes for one in run.memory) > 10


def test_a_command_that_fails_is_an_error(tiny_bundle, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(RuntimeError, match="exit code"):
        run_many("none", tmp_path / "nothing", tmp_path / "out", tiny_bundle, ("--workers", "1"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_a_killed_dask_worker_loses_nothing(tiny_bundle, scans, tmp_path):
    run = run_on_dask(scans, tmp_path / "out", tiny_bundle)
    assert (run.statuses, run.lost, run.twice) == ({"done": 4}, 0, 0)


def test_scans_that_were_lost_or_made_again_are_counted(tmp_path):
    lines = ["case,status", "a,done", "b,done", "b,done", "c,failed", "d,done", "f,done"]
    (tmp_path / "summary.csv").write_text("\n".join(lines))
    for name in "abdf":
        (tmp_path / f"{name}.seg.nrrd").write_bytes(b"labels")
        (tmp_path / f"{name}.mistkd").write_text(f'{{"results": {{"{name}.seg.nrrd": [6, 0]}}}}')
    (tmp_path / "f.seg.nrrd").write_bytes(b"lab")
    written = {("a", 1), ("b", 2), ("d", 3), ("d", 4), ("f", 5)}
    # c failed, e is nowhere, and f was cut off; b has two lines, and d was made twice.
    assert reckoning(set("abcdef"), written, tmp_path) == ({"done": 5, "failed": 1}, 3, 2)


def test_a_record_that_is_being_written_is_none(tmp_path):
    (tmp_path / ".mistkd-0123456789ab.mistkd").touch()
    assert records(tmp_path) == set()


def test_a_scan_that_is_made_again_has_another_time(tmp_path):
    record = tmp_path / "a.mistkd"
    record.touch()
    before = records(tmp_path)
    os.utime(record, ns=(1, 1))
    assert {name for name, _ in before} == {"a"} and len(before | records(tmp_path)) == 2
