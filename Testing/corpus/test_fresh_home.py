"""A run leaves nothing below the home folder and looks no name up, whoever uses onnxruntime and however."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from Testing.corpus import scans
from Testing.lib.dicom_files import write_series

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300  # a busy machine
# onnxruntime looks its collector up 5 to 10 s after it has loaded a network.
LIVES_S = 15
# Where one of these is set, it keeps still by itself and a test could not fail: Privacy.md in its package.
SILENCING = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "TRAVIS", "JENKINS_URL",
             "CODEBUILD_BUILD_ID", "BUILDKITE", "TEAMCITY_VERSION", "APPVEYOR", "BITBUCKET_BUILD_NUMBER",
             "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY")
WITHOUT_CARE = """
import sys, time
import onnxruntime
from MISTKDSegmentLib.model.bundle import default_bundle_folder
onnxruntime.InferenceSession(str(default_bundle_folder() / "model.onnx"), providers=["CPUExecutionProvider"])
time.sleep(float(sys.argv[2]))
"""
LIBRARY = """
import sys, time
from pathlib import Path
import numpy as np
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
volume = read_volume(next(Path(sys.argv[1]).glob("*.nii.gz")))
for _ in segment(volume, load_bundle(default_bundle_folder()), np.zeros(volume.voxels.shape, np.uint8)):
    pass
time.sleep(float(sys.argv[2]))
"""
CHILD = """
import subprocess, sys
from pathlib import Path
from MISTKDSegmentLib.child.job import Job, Order
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.model.bundle import default_bundle_folder
volume = read_volume(next(Path(sys.argv[1]).glob("*.nii.gz")))
job = Job.create(volume, Order(default_bundle_folder()), inside=Path(sys.argv[1]))
assert b'"Done"' in subprocess.check_output(job.command(sys.executable))
"""
DASK = """
import sys
from distributed import LocalCluster
from MISTKDSegmentLib.cli.segment import main
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        sys.exit(main([sys.argv[1], "--output", sys.argv[1] + "/out", "--dask", cluster.scheduler_address]))
"""
TRAINING = """
import numpy as np
from Training.bundle.onnx_file import largest_difference, to_onnx
from Training.networks.config import STUDENT
from Training.networks.segmenter import Segmenter
network = Segmenter(3, 9, STUDENT).eval()
assert largest_difference(network, to_onnx(network, 3), np.zeros((1, 3, 32, 32), np.float32)) < 1e-3
"""
# What the standard wants to be there, empty or not.
HEADERS = {"0008|0020": "", "0008|0030": "", "0008|0050": "", "0008|0090": "", "0010|0020": "", "0010|0030": "",
           "0010|0040": "", "0020|0010": "1", "0020|0052": "1.2.3"}
posix_only = pytest.mark.skipif(os.name != "posix", reason="on Windows, onnxruntime leaves no files")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two scans."""
    (tmp_path / "scans").mkdir()
    for name in ("a.nii.gz", "b.nii.gz"):
        scans.write(scans.plain((6, 60, 60)), tmp_path / "scans" / name)
    return tmp_path / "scans"


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items()
            if name not in SILENCING and not name.startswith("XDG_")}
    return {**kept, "HOME": str(home), "PYTHONPATH": os.pathsep.join([str(ROOT / "MISTKDSegment"), str(ROOT)])}


def script(home: Path, text: str, *arguments: object) -> list[str]:
    (home.parent / "script.py").write_text(text, encoding="utf-8")
    return [sys.executable, str(home.parent / "script.py"), *map(str, arguments)]


def run(command: list[str], home: Path) -> None:
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr


def below(home: Path) -> list[str]:
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*"))


def look_ups(log: Path) -> list[str]:
    """Lines of strace by which a name is looked up, or anything outside of this machine is spoken to."""
    return [line for line in log.read_text(errors="replace").splitlines()
            if re.search(r"AF_INET|/etc/(resolv\.conf|hosts)|nscd", line) and "127.0.0.1" not in line]


@posix_only
@pytest.mark.skipif(tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29), reason="has no such habit yet")
def test_without_care_onnxruntime_leaves_files_so_that_these_tests_can_fail(home, folder):
    run(script(home, WITHOUT_CARE, folder, 0), home)
    assert any(path.endswith("onnxruntime.db") for path in below(home))


@posix_only
@pytest.mark.parametrize("options", [["--format", "nii.gz"], ["--workers", "2"]], ids=["one scan", "two workers"])
def test_the_command_leaves_nothing_below_the_home_folder(home, folder, options):
    source = folder if "--workers" in options else folder / "a.nii.gz"
    run([sys.executable, "-m", "MISTKDSegmentLib", "segment", str(source), "--output", str(folder / "out"), *options],
        home)
    assert below(home) == []


@posix_only
@pytest.mark.parametrize("text", [LIBRARY, CHILD], ids=["library", "child"])
def test_library_and_child_leave_nothing_below_the_home_folder(home, folder, text):
    run(script(home, text, folder, 0), home)
    assert below(home) == []


@posix_only
def test_dask_workers_leave_nothing_below_the_home_folder(home, folder):
    pytest.importorskip("distributed", reason="a Dask cluster needs the extra dask")
    run(script(home, DASK, folder), home)
    # Dask before 2025 copies its settings, with everything in them commented out.
    assert [path for path in below(home) if not path.startswith(".config")] == []


@posix_only
def test_dicom_seg_leaves_nothing_below_the_home_folder(home, folder, tiny_bundle):
    pytest.importorskip("highdicom", reason="DICOM SEG needs the extra dicom")
    write_series(folder / "series", values=scans.plain((6, 60, 60)).hu[3], **HEADERS)
    run([sys.executable, "-m", "MISTKDSegmentLib", "segment", str(folder / "series"), "--output", str(folder / "out"),
         "--format", "dcm", "--model", str(tiny_bundle)], home)
    assert below(home) == []


@posix_only
def test_training_leaves_nothing_below_the_home_folder(home, folder):
    pytest.importorskip("torch", reason="training needs the extra training")
    run(script(home, TRAINING), home)
    # matplotlib keeps a list of the fonts that are installed.
    assert [path for path in below(home) if "matplotlib" not in path and path not in (".cache", ".config")] == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace, which watches system calls, is not installed")
@pytest.mark.parametrize(("text", "expected"), [(WITHOUT_CARE, True), (LIBRARY, False)],
                         ids=["without care", "library"])
def test_no_name_is_looked_up_by_a_process_that_lives_some_seconds(home, folder, text, expected):
    log = home.parent / "strace.txt"
    watch = ["strace", "-f", "-e", "trace=openat,socket,connect,sendto,sendmmsg", "-o", str(log)]
    if subprocess.run([*watch, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let processes be watched")
    if expected and tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 29):
        pytest.skip("this onnxruntime has no such habit yet")
    run([*watch, *script(home, text, folder, LIVES_S)], home)
    assert bool(look_ups(log)) == expected, look_ups(log)
