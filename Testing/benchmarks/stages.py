"""Where the time of a segmentation goes, and what its parts take on their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import numpy as np

from MISTKDSegmentLib.geometry import canonical_frame
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference import network, runner, slices
from MISTKDSegmentLib.inference.preprocess import SliceGrid, slice_grid
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.io.writing import write_segmentation
from MISTKDSegmentLib.model.bundle import Bundle, load_bundle
from Testing.benchmarks.clock import StageClock, best, timed
from Testing.benchmarks.scans import labels_of

READ, NETWORK, WRITE, REST = "read", "waiting for the network", "write", "the rest"
PLACES = (
    (runner, "canonical_frames", "canonical frame"),
    (canonical_frame.CanonicalFrame, "finish", "canonical frame"),
    (slices, "slice_grid", "body box"),
    (slices.NetworkSlices, "with_context", "window and resample"),
    (network.Network, "_finished", NETWORK),
    (runner, "_between", "upsample and argmax"),
    (runner, "winners", "upsample and argmax"),
    (runner, "postprocess", "post-process"),
)


def stage_seconds(scan: Path, bundle: Bundle, times: int) -> dict[str, float]:
    """Seconds of each stage from a file to its segmentation on disk, of the fastest of several runs."""
    runs = [_one_run(scan, bundle) for _ in range(times)]
    return min(runs, key=lambda run: sum(run.values()))


def _one_run(scan: Path, bundle: Bundle) -> dict[str, float]:
    clock = StageClock()
    read_s, volume = timed(lambda: read_volume(scan))
    with clock.watching(PLACES):
        run_s, labels = timed(lambda: labels_of(volume, bundle))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.seg.nrrd"
        write_s, _ = timed(lambda: write_segmentation(path, volume, labels, bundle.labels))
    return {READ: read_s, **clock.seconds, REST: run_s - sum(clock.seconds.values()), WRITE: write_s}


def serial_seconds(volume: Volume, bundle: Bundle, times: int) -> float:
    """Seconds from the array to its labels before the network's first batch and after its last."""
    return min(_serial(volume, bundle) for _ in range(times))


def _serial(volume: Volume, bundle: Bundle) -> float:
    moments: list[float] = []
    run = network.Network.__call__

    def watched(self: network.Network, pixels: np.ndarray) -> np.ndarray:
        moments.append(time.perf_counter())
        scores = run(self, pixels)
        moments.append(time.perf_counter())
        return scores

    with mock.patch.object(network.Network, "__call__", watched):
        seconds, _ = timed(lambda: labels_of(volume, bundle))
    return seconds - (max(moments) - min(moments))


def shares(seconds: Mapping[str, float]) -> dict[str, float]:
    """Each stage's share of all of them."""
    total = sum(seconds.values())
    return {stage: value / total for stage, value in seconds.items()}


def network_seconds(volume: Volume, bundle: Bundle, times: int) -> tuple[float, float]:
    """Seconds that the network alone takes for a scan, and those from the array to its labels, of the fastest runs."""
    scan = runner.ReadyScan(volume, bundle, np.zeros(volume.voxels.shape, np.uint8))
    run = slices.slices_to_run(range(len(volume.voxels)), volume.spacing_mm[2], bundle.input.slice_step_mm)
    batches = list(scan.batches(run))
    network_s, _ = best(lambda: deque(scan.network.scores_of(batches), maxlen=0), times)
    return network_s, best(lambda: labels_of(volume, bundle), times)[0]


def first_slice_seconds(volume: Volume, bundle: Bundle, times: int) -> float:
    """Seconds to the labels of the middle slice, the first that a scan and a model which are ready are asked for."""
    def ready() -> runner.ReadyScan:
        return runner.ReadyScan(volume, bundle, np.zeros(volume.voxels.shape, np.uint8))

    middle = (volume.ijk_to_lps @ [*(np.array(volume.voxels.shape[::-1]) / 2), 1.0])[:3]
    scans = [ready() for _ in range(times)]
    return min(timed(lambda scan=scan: scan.label_slice_at(middle))[0] for scan in scans)


def bundle_seconds(folder: Path, times: int) -> float:
    """Seconds to read and verify a bundle and to load its network."""
    return best(lambda: network.Network(load_bundle(folder), 0), times)[0]


def grid_of(volume: Volume, bundle: Bundle) -> SliceGrid:
    """How the network sees the slices of a canonical scan."""
    return slice_grid(volume, bundle.input.pixel_spacing_mm, bundle.input.multiple)


def batch_of(volume: Volume, bundle: Bundle) -> np.ndarray:
    """What the network sees of the middle slices."""
    scan, middle = runner.ReadyScan(volume, bundle, np.zeros(volume.voxels.shape, np.uint8)), len(volume.voxels) // 2
    return next(scan.batches(range(middle, min(middle + runner.BATCH, len(volume.voxels)))))


def matrix_gflops_of_core(size: int, times: int) -> float:
    """What one core reaches at most, in 1e9 operations per second: `matrix_gflops` in a process with one thread."""
    code = f"from Testing.benchmarks.stages import matrix_gflops; print(matrix_gflops({size}, {times}))"
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return float(subprocess.check_output([sys.executable, "-c", code], text=True, env={**os.environ, **one}))


def matrix_gflops(size: int, times: int) -> float:
    """What this computer reaches at most: operations per second, in 1e9, of a product of two float32 matrices."""
    left, right = (np.random.default_rng(seed).random((size, size), dtype=np.float32) for seed in (0, 1))
    return 2 * size**3 / best(lambda: left @ right, times)[0] / 1e9
