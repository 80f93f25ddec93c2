"""What a run takes in a process of its own: from its start to the file on disk, and its largest memory."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.bundle import load_bundle
from MISTKDSegmentLib.system import peak_memory
from Testing.benchmarks.clock import best
from Testing.benchmarks.scans import labels_of
from Testing.benchmarks.start import environment

ROOT = Path(__file__).resolve().parents[2]
LOOK_S = 0.005
_COMMAND_LINE = """
import sys
from MISTKDSegmentLib.cli.segment import main
code = main(sys.argv[1:])
from MISTKDSegmentLib.system import peak_memory
print((peak_memory() or float('nan')) / 1e6)
sys.exit(code)
"""
_ARRAY = "import sys; from Testing.benchmarks.process import segment_array; segment_array(*sys.argv[1:])"


@dataclass(frozen=True)
class CommandLine:
    """What `mistkd segment` takes.

    Attributes:
        to_disk_s: from the start of the process until its segmentation is on disk.
        whole_s: until the table and the picture are there as well, and the process has ended.
        peak_mb: largest memory; NaN where the system does not tell.
    """

    to_disk_s: float
    whole_s: float
    peak_mb: float


@dataclass(frozen=True)
class ArrayRun:
    """What a run takes that has the scan in memory.

    Attributes:
        seconds: from the array to its labels.
        before_mb: memory of the process before, with the scan in it.
        peak_mb: largest memory, with the scan and its labels.
    """

    seconds: float
    before_mb: float
    peak_mb: float


def command_line(scan: Path, model: Path) -> CommandLine:
    """Segment a file with `mistkd segment`."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", _COMMAND_LINE, str(scan), "--output", folder, "--model",
                                    str(model), "--quiet"], stdout=subprocess.PIPE, text=True, cwd=ROOT,
                                   env=environment())
        while process.poll() is None and not is_written(Path(folder)):
            time.sleep(LOOK_S)
        to_disk_s = time.perf_counter() - start
        output, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"mistkd segment ended with exit code {process.returncode}")
        return CommandLine(to_disk_s, time.perf_counter() - start, float(output.split()[-1]))


def is_written(folder: Path) -> bool:
    """Whether a segmentation is there, whole; while it is written, its name begins with a dot."""
    return any(not path.name.startswith(".") for path in folder.rglob("*.seg.nrrd"))


def array_run(volume: Volume, model: Path, times: int) -> ArrayRun:
    """Segment a canonical scan that a fresh process holds in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voxels.npy"
        np.save(path, volume.voxels)
        spacing = ",".join(map(str, volume.spacing_mm))
        command = [sys.executable, "-c", _ARRAY, str(path), spacing, str(model), str(times)]
        output = subprocess.check_output(command, text=True, cwd=ROOT)
    return ArrayRun(**json.loads(output.splitlines()[-1]))


def peak_mb() -> float:
    """Largest memory of this process so far, in 1e6 bytes; NaN where the system does not tell."""
    return (peak_memory() or math.nan) / 1e6


def segment_array(path: str, spacing_mm: str, model: str, times: str) -> None:
    """What the process of `array_run` does."""
    left, posterior, superior = map(float, spacing_mm.split(","))
    volume = Volume(np.load(path), (left, posterior, superior), (0.0, 0.0, 0.0), np.eye(3))
    bundle, before_mb = load_bundle(Path(model)), peak_mb()
    seconds, _ = best(lambda: labels_of(volume, bundle), int(times))
    print(json.dumps({"seconds": seconds, "before_mb": before_mb, "peak_mb": peak_mb()}))
