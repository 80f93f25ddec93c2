"""Many scans of mixed sizes: how fast, in how much memory, and whether each has one result."""

from __future__ import annotations

import csv
import json
import logging
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from MISTKDSegmentLib.batch.many import CasesFailed
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.console import silenced
from Testing.benchmarks.memory import Sample, largest_by_third, memory_mb
from Testing.benchmarks.scans import evenly, with_pixels, with_slices, write_many
from Testing.benchmarks.start import environment

WORKERS = 2
LOOK_S = 0.2
# Pixels along each side, slices and number of the scans.
MIX = {False: ((256, 20, 30), (256, 60, 20), (512, 50, 25), (512, 100, 15), (512, 150, 10)),
       True: ((64, 10, 6), (128, 20, 3), (256, 75, 1))}


@dataclass(frozen=True)
class ManyRun:
    """What a run over many scans took, and what came of it.

    Attributes:
        name: for people.
        scans: how many there were.
        seconds: from the start of the command to its end.
        statuses: how many lines of the summary have which status.
        lost: scans without a line in the summary, or with a file that is not as their record says.
        twice: scans of which a result was written again, or that have more lines than one.
        memory: of the command and its workers, over time.
    """

    name: str
    scans: int
    seconds: float
    statuses: Mapping[str, int]
    lost: int
    twice: int
    memory: Sequence[Sample]

    @property
    def per_hour(self) -> float:
        return self.scans / self.seconds * 3600

    @property
    def growth_percent(self) -> float:
        """Largest memory in the last third of the time, in percent of that in the first."""
        first, _, last = largest_by_third(self.memory)
        return 100 * last / first


def measure_many(volume: Volume, model: Path, folder: Path, quick: bool) -> list[ManyRun]:
    """Segment a folder of scans with one worker, with several, and on a Dask cluster of which a worker is killed.

    Args:
        volume: the standard scan, which the others are made from.
        model: folder of the bundle.
        folder: for scans and results.
        quick: whether few small scans do.
    """
    scans = folder / "scans"
    write_many(scans, [with_slices(with_pixels(volume, pixels), slices) for pixels, slices, _ in MIX[quick]],
               evenly([count for _, _, count in MIX[quick]]))
    runs = [run_many(f"{count} worker{'s' * (count > 1)}", scans, folder / f"out{count}", model,
                     ("--workers", str(count))) for count in (1, WORKERS)]
    return [*runs, run_on_dask(scans, folder / "dask", model)]


def run_on_dask(scans: Path, output: Path, model: Path) -> ManyRun:
    """The same on a cluster of this machine; a worker is killed when half of the scans are over."""
    from distributed import LocalCluster

    with silenced("distributed"), LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0",
                                               silence_logs=logging.CRITICAL) as cluster:
        victim = psutil.Process(next(iter(cluster.workers.values())).pid)
        run = run_many(f"Dask, {WORKERS} workers, of which one is killed", scans, output, model,
                       ("--dask", cluster.scheduler_address), at_half=victim.kill)
        if victim.is_running():
            raise RuntimeError("No worker was killed.")
        return run


def run_many(name: str, scans: Path, output: Path, model: Path, options: Sequence[str],
             at_half: Callable[[], None] | None = None) -> ManyRun:
    """Segment a folder with `mistkd segment` and watch it.

    Args:
        name: for people.
        scans: the folder.
        output: for the results; is made.
        model: folder of the bundle.
        options: of the command, such as --workers.
        at_half: is called once when half of the scans are over.
    """
    output.mkdir(parents=True)
    names = {path.name.partition(".")[0] for path in scans.iterdir()}
    written: set[tuple[str, int]] = set()
    memory: list[Sample] = []
    start = time.perf_counter()
    process = start_segmenting(scans, output, model, options)
    while process.poll() is None:
        memory.append(Sample(time.perf_counter() - start, memory_mb()))
        written |= records(output)
        if at_half and len({name for name, _ in written}) >= len(names) / 2:
            at_half()
            at_half = None
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
    seconds = time.perf_counter() - start
    if process.returncode not in (0, CasesFailed.exit_code):
        raise RuntimeError(f"mistkd segment ended with exit code {process.returncode}.")
    written |= records(output)
    largest_by_third(memory)  # which tells now, not when all else is measured, that there is too little to see
    return ManyRun(name, len(names), seconds, *reckoning(names, written, output), memory)


def start_segmenting(scans: Path, output: Path, model: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """The command on a folder, as a process."""
    return subprocess.Popen([sys.executable, "-m", "MISTKDSegmentLib", "segment", str(scans), "--output", str(output),
                             "--model", str(model), "--quiet", *options], env=environment())


def records(output: Path) -> set[tuple[str, int]]:
    """Which scans are over, and when: a scan that is segmented again is there with two times."""
    found = set()
    for path in output.glob("[!.]*.mistkd"):  # with a dot, it is being written
        with suppress(FileNotFoundError):  # it is being made again
            found.add((path.stem, path.stat().st_mtime_ns))
    return found


def is_whole(record: Path) -> bool:
    """Whether all files of a scan are there, as large as its record says."""
    try:
        results = json.loads(record.read_text(encoding="utf-8"))["results"]
        return bool(results) and all(record.with_name(name).stat().st_size == size
                                     for name, (size, _) in results.items())
    except (FileNotFoundError, TypeError):  # a file was gone when the record was written
        return False


def reckoning(names: set[str], written: set[tuple[str, int]], output: Path) -> tuple[dict[str, int], int, int]:
    """Count statuses, scans without a result, and scans with more than one.

    Args:
        names: of the scans.
        written: see `records`, of all the run.
        output: folder of the results.
    """
    with open(output / "summary.csv", encoding="utf-8") as file:
        rows = [(row["case"], row["status"]) for row in csv.DictReader(file)]
    lines = Counter(case for case, _ in rows)
    times = Counter(name for name, _ in written)
    whole = {name for name, _ in written if is_whole(output / f"{name}.mistkd")}
    return (dict(Counter(status for _, status in rows)), len(names - (whole & set(lines))),
            sum(max(lines[name], times[name]) > 1 for name in names))
