"""Cases on a real Dask cluster of processes, of which some are killed."""

import csv
import os
import platform
import re
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.batch.case import Case, Settings
from MISTKDSegmentLib.batch.dask_workers import ClusterError, on_cluster
from MISTKDSegmentLib.cli import segment
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.lib.deadly_path import deadly
from Testing.lib.small_scans import body, write_volume

dask = pytest.importorskip("dask", reason="a Dask cluster needs the extra dask")
distributed = pytest.importorskip("distributed", reason="a Dask cluster needs the extra dask")

PATIENCE_S = 300  # a busy machine


@pytest.fixture(scope="module")
def address():
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}), distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster:
        # A worker that is killed while it starts is given up by its nanny.
        cluster.adapt(minimum=2, maximum=2, interval="500ms")
        yield cluster.scheduler_address


@pytest.fixture
def settings(tiny_bundle, tmp_path):
    return Settings(tmp_path / "out", tiny_bundle, load_bundle(tiny_bundle).description_sha256,
                    SegmentOptions(("liver",), threads=1), picture=False)


@pytest.mark.skipif(os.name != "posix", reason="kills processes by signal")
def test_a_killed_worker_loses_nothing_and_a_case_that_kills_all_fails_alone(address, settings, tmp_path):
    cases = [Case(write_volume(tmp_path / f"{name}.nii.gz"), name) for name in "abc"]
    cases += [Case(deadly(write_volume(tmp_path / f"{name}.nii.gz"), deaths), name)
              for name, deaths in (("killed once", 1), ("deadly", 99))]
    found = {case.name: outcome for case, outcome in on_cluster(cases, settings, address)}
    done = {name: outcome.volumes_ml for name, outcome in found.items() if outcome.status == "done"}
    assert done == {name: {"liver": 3.84} for name in ("a", "b", "c", "killed once")}
    assert (tmp_path / "killed once.nii.gz.deaths").read_text() == "0 9"
    assert f"{tmp_path / 'deadly.nii.gz'} ended its Dask worker 2 times" in found["deadly"].error


def test_the_command_spreads_cases_skips_finished_ones_and_fails_for_one_that_failed(address, tiny_bundle, tmp_path,
                                                                                    capsys):
    write_volume(tmp_path / "tree" / "a" / "ct.nii.gz")
    write_volume(tmp_path / "tree" / "b" / "ct.nii.gz")
    (tmp_path / "tree" / "c.nii.gz").write_bytes(b"no scan")
    command = [str(tmp_path / "tree"), "--model", str(tiny_bundle), "--output", str(tmp_path / "out"), "--no-picture",
               "--dask", address]
    assert segment.main(command) == 6
    assert (tmp_path / "out" / "a" / "ct.seg.nrrd").exists() and (tmp_path / "out" / "b" / "ct.seg.nrrd").exists()
    (tmp_path / "tree" / "c.nii.gz").unlink()
    capsys.readouterr()
    assert segment.main(command) == 0
    assert "finished earlier: 2;" in capsys.readouterr().out


PAGE_FAULTS = """
import resource, sys
import numpy as np
from MISTKDSegmentLib.allocator import reuse_memory
if "reuse" in sys.argv:
    reuse_memory()
np.ones(1 << 20, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    np.ones(1 << 20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do not map arrays anew")
def test_a_worker_uses_freed_memory_again_although_dask_asks_to_give_it_back():
    environment = {**os.environ, "PYTHONPATH": str(Path(segment.__file__).parents[2]),
                   "MALLOC_TRIM_THRESHOLD_": "65536"}  # as Dask's nannies set it
    environment.pop("MALLOC_MMAP_THRESHOLD_", None)

    def faults(*options):
        return int(subprocess.check_output([sys.executable, "-c", PAGE_FAULTS, *options], env=environment))

    # 100 arrays of 256 pages: each page is new each time, or only once.
    assert faults() > 10_000 and faults("reuse") < 1000


def test_another_model_on_a_worker_is_an_error_of_the_case(address, settings, tmp_path):
    case = Case(write_volume(tmp_path / "a.nii.gz"), "a")
    (_, outcome), = on_cluster([case], replace(settings, model_sha256="0" * 64), address)
    assert outcome.status == "failed" and "holds another model" in outcome.error


def test_without_workers_the_cases_wait_and_the_log_says_so(settings, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("MISTKDSegmentLib.batch.dask_workers.QUIET_S", 0.3)
    case = Case(write_volume(tmp_path / "a.nii.gz"), "a")
    with distributed.LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as empty:
        threading.Timer(3, empty.scale, [1]).start()
        (_, outcome), = on_cluster([case], settings, empty.scheduler_address)
    assert outcome.status == "done"
    assert [one.getMessage()[:35] for one in caplog.records if one.name == "MISTKDSegmentLib.batch.dask_workers"] == [
        "The Dask scheduler has no workers, "]


def test_a_scheduler_that_is_not_there_is_one_sentence(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("MISTKDSegmentLib.batch.dask_workers.PATIENCE_S", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ClusterError, match=f"No Dask scheduler answers at {address}; start one"):
        list(on_cluster([Case(tmp_path / "a.nii.gz", "a")], settings, address))


def start(*command):
    environment = {**os.environ, "PYTHONPATH": str(Path(segment.__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-m", *map(str, command)], env=environment, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, encoding="utf-8")


@pytest.mark.slow
def test_a_scheduler_that_is_killed_is_one_sentence_and_what_is_finished_stays(tiny_bundle, tmp_path):
    write_volume(tmp_path / "tree" / "a.nii.gz")
    write_volume(tmp_path / "tree" / "long.nii.gz", np.tile(body(), (4000, 1, 1)))
    processes = [start("dask", "scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard")]
    try:
        address = next(found[0] for line in processes[0].stderr if (found := re.search(r"tcp://\S+", line)))
        processes.append(start("dask", "worker", address, "--nthreads", 1, "--no-nanny", "--no-dashboard",
                               "--local-directory", tmp_path))
        run = start("MISTKDSegmentLib", "segment", tmp_path / "tree", "--dask", address, "--model", tiny_bundle,
                    "--output", tmp_path / "out", "--no-picture")
        processes.append(run)
        assert any("[1/2] a: done" in line for line in run.stderr)
        processes[0].kill()
        _, err = run.communicate(timeout=PATIENCE_S)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert run.returncode == ClusterError.exit_code
    assert err.splitlines() == [f"mistkd segment: error: The Dask scheduler at {address} went away; start it and run "
                                "the same command again for the rest."]
    assert {"a.seg.nrrd", "a.mistkd", "summary.csv"} <= set(os.listdir(tmp_path / "out"))
    with open(tmp_path / "out" / "summary.csv", encoding="utf-8") as file:
        assert {row["case"]: row["status"] for row in csv.DictReader(file)} == {"a": "done", "long": "waiting"}


def test_without_distributed_the_command_says_what_to_install(tmp_path, tiny_bundle, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert segment.main([str(tmp_path), "--model", str(tiny_bundle), "--dask", "tcp://127.0.0.1:1"]) == 2
    error = capsys.readouterr().err
    assert "-m pip install" in error and "[dask]" in error
