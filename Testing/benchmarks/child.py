"""How long somebody waits in Slicer from the click to the first labels, but for what Slicer itself takes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.child.job import Job, Order
from MISTKDSegmentLib.child.messages import decode
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.progress import Progress

WARM_UP_S = 3.0  # a child that waits has imported all it needs long before anybody clicks
FEWEST_VOXELS = 100


def first_labels_seconds(volume: Volume, model: Path, times: int) -> float:
    """Seconds until a child process that waited for a scan shows labels of some size, of the fastest of several runs.

    Args:
        volume: handed over as the window does, through a file.
        model: bundle.
        times: how many runs.
    """
    return min(_one_run(volume, model) for _ in range(times))


def _one_run(volume: Volume, model: Path) -> float:
    job = Job.empty()
    with subprocess.Popen(job.command(sys.executable), stdout=subprocess.PIPE) as process:
        try:
            time.sleep(WARM_UP_S)
            start = time.perf_counter()
            for _ in job.fill(volume, Order(model)):
                pass
            for line in process.stdout or ():
                message = decode(line)
                filled = message.filled if isinstance(message, Progress) else None
                new = None if filled is None else job.labels.take(range(filled.start, filled.stop), filled.axis)
                if new is not None and np.count_nonzero(new) >= FEWEST_VOXELS:
                    return time.perf_counter() - start
            raise RuntimeError("the child process ended before it labelled anything")
        finally:
            process.kill()
            job.remove()
