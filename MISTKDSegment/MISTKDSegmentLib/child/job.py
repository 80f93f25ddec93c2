"""A private temporary folder that carries a scan to the child process and its labels back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any, Optional

import numpy as np

from MISTKDSegmentLib.child import last_word
from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions
from MISTKDSegmentLib.system import is_alive

PREFIX = "mistkd-segment-"
_VOXELS, _LABELS, _JOB, _REQUEST, _STOP = "voxels.npy", "labels.npy", "job.json", "request.json", "stop"
# A child that is started by path would take this folder for its search path: hence -c.
_BOOTSTRAP = ("import sys; sys.path.insert(0, sys.argv[1]); "
              "from MISTKDSegmentLib.child.program import main; main(sys.argv[2])")


@dataclass(frozen=True)
class Order:
    """What to do with the scan.

    Attributes:
        bundle: folder of the model.
        options: how to segment.
        preview: wait for requests and label single slices, instead of all of them.
    """

    bundle: Path
    options: SegmentOptions = DEFAULTS
    preview: bool = False


@dataclass(frozen=True)
class SliceRequest:
    """A slice that a preview is asked for: its number, and a position in it in LPS millimetres."""

    number: int
    position_lps: tuple[float, float, float]


class Job:
    """The window's end of the folder; it owns the folder.

    A child may be started in an empty folder, to get ready while the scan is written down or before there is one.

    Attributes:
        folder: where everything lies.
        labels: what the child has labelled so far, uint8 (k, j, i), read-only; empty before there is a scan.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.labels: np.ndarray = np.zeros((0, 0, 0), np.uint8)

    @classmethod
    def create(cls, volume: Volume, order: Order, *, inside: Optional[Path] = None) -> Job:
        """Write a scan down for the child, at once.

        Args:
            volume, order: as in `fill`.
            inside: folder for temporary files; by default the system's.

        Raises:
            OutputError: the folder cannot be written.
        """
        job = cls.empty(inside=inside)
        for _ in job.fill(volume, order):
            pass
        return job

    @classmethod
    def empty(cls, *, inside: Optional[Path] = None) -> Job:
        """Make a folder that has no scan in it yet.

        Args:
            inside: folder for temporary files; by default the system's.

        Raises:
            OutputError: it cannot be made.
        """
        try:
            folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=inside))
            last_word.make_room(folder)
            return cls(folder)
        except OSError as error:
            raise OutputError(f"The folder for temporary files {inside or tempfile.gettempdir()} cannot be written "
                              f"({error.strerror or error}); choose another one in the application's "
                              "settings.") from error

    def fill(self, volume: Volume, order: Order) -> Generator[None, None, None]:
        """Write a scan down for the child, which begins after the last step.

        Args:
            volume: CT in HU; its voxels are written slice by slice, without a second copy in memory.
            order: what to do with it.

        Yields:
            None, after each slice.

        Raises:
            OutputError: the folder cannot be written; it is removed then.
        """
        try:
            yield from _write_job(self.folder, volume, order)
            self.labels = np.load(self.folder / _LABELS, mmap_mode="r")
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise OutputError(f"The folder for temporary files {self.folder.parent} cannot be written "
                              f"({error.strerror or error}); make room for {_megabytes(volume)} MB there, or choose "
                              "another one in the application's settings.") from error

    def command(self, python: str) -> list[str]:
        """Program and arguments that run the child.

        Args:
            python: an interpreter that has numpy, SimpleITK and onnxruntime.
        """
        return [python, "-c", _BOOTSTRAP, str(Path(__file__).resolve().parents[2]), str(self.folder)]

    def request(self, number: int, position_lps: Sequence[float]) -> None:
        """Ask a preview for the slice at a position; a request that is not begun yet is forgotten for it."""
        x, y, z = (float(coordinate) for coordinate in position_lps)
        _write_whole(self.folder / _REQUEST, json.dumps({"number": number, "position_lps": [x, y, z]}))

    def stop(self) -> None:
        """Ask the child to end, for where killing it reaches a launcher alone."""
        if self.folder.is_dir():
            (self.folder / _STOP).touch()

    def remove(self) -> None:
        """Delete the folder; harmless where it is gone."""
        self.labels = np.zeros((0, 0, 0), np.uint8)  # Windows deletes no file that is mapped
        shutil.rmtree(self.folder, ignore_errors=True)


def _write_job(folder: Path, volume: Volume, order: Order) -> Generator[None, None, None]:
    dtype = volume.voxels.dtype if volume.voxels.dtype.itemsize <= 4 else np.dtype(np.float32)
    shape = volume.voxels.shape
    yield from _write_array(folder / _VOXELS, shape, dtype, volume.voxels)
    yield from _write_array(folder / _LABELS, shape, np.dtype(np.uint8),
                            repeat(np.zeros(shape[1:], np.uint8), shape[0]))
    content = {"geometry": _geometry(volume), "order": _plain(order)}
    # Last and whole: the child waits for it.
    _write_whole(folder / _JOB, json.dumps(content))


def _write_array(path: Path, shape: tuple[int, ...], dtype: np.dtype,
                 slices: Iterable[np.ndarray]) -> Generator[None, None, None]:
    # Not through a memory map: on a full disk, writing to one ends the process instead of raising an error.
    with open(path, "wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for values in slices:
            file.write(np.ascontiguousarray(values, dtype).data)
            yield


def _write_whole(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def _geometry(volume: Volume) -> dict[str, Any]:
    return {"spacing_mm": list(volume.spacing_mm), "origin_mm": list(volume.origin_mm),
            "direction": volume.direction.tolist(), "name": volume.name}


def _plain(order: Order) -> dict[str, Any]:
    region = order.options.region
    options = {**asdict(replace(order.options, region=None)),
               "region": None if region is None else region.lps_to_unit.tolist()}
    return {"bundle": str(order.bundle), "options": options, "preview": order.preview}


def _order(plain: dict[str, Any]) -> Order:
    region = plain["options"]["region"]
    options = SegmentOptions(**{**plain["options"], "region": None if region is None else Region(np.array(region))})
    return Order(Path(plain["bundle"]), options, plain["preview"])


def _megabytes(volume: Volume) -> int:
    return -(-volume.voxels.size * (min(volume.voxels.dtype.itemsize, 4) + 1) // 1_000_000)


@dataclass(frozen=True)
class Work:
    """The child's end of the folder.

    Attributes:
        folder: where everything lies.
        volume: the scan; its voxels are mapped.
        labels: uint8 (k, j, i), to be filled; mapped.
        order: what to do.
    """

    folder: Path
    volume: Volume
    labels: np.ndarray
    order: Order

    def request(self) -> Optional[SliceRequest]:
        """The request that is waiting, if any."""
        try:
            content = json.loads((self.folder / _REQUEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        x, y, z = content["position_lps"]
        return SliceRequest(int(content["number"]), (x, y, z))


def is_over(folder: Path) -> bool:
    """Whether nobody waits for the result of a job any more."""
    return (folder / _STOP).exists() or not folder.exists() or is_orphan(folder)


def is_orphan(folder: Path) -> bool:
    """Whether the window of a job is gone, so that nobody else will delete its folder."""
    # From the name: files in it may be gone, or not there yet.
    owner = folder.name[len(PREFIX):].partition("-")[0]
    return owner.isdecimal() and not is_alive(int(owner))


def wait_for_work(folder: Path, patience_s: float, look_s: float) -> Optional[Work]:
    """Open the folder of a job as soon as `Job.fill` has written a scan into it.

    Args:
        folder: as `Job.empty` made it.
        patience_s: how long to wait.
        look_s: between two looks at the folder.

    Returns:
        None where one has waited for long enough.
    """
    end_s = time.monotonic() + patience_s
    while not (folder / _JOB).exists():
        if time.monotonic() > end_s:
            return None
        time.sleep(look_s)
    return open_work(folder)


def open_work(folder: Path) -> Work:
    """Open the folder that `Job.create` wrote."""
    content = json.loads((folder / _JOB).read_text(encoding="utf-8"))
    geometry = content["geometry"]
    voxels, labels = np.load(folder / _VOXELS, mmap_mode="r"), np.load(folder / _LABELS, mmap_mode="r+")
    volume = Volume(voxels, tuple(geometry["spacing_mm"]), tuple(geometry["origin_mm"]),
                    np.array(geometry["direction"]), geometry["name"])
    return Work(folder, volume, labels, _order(content["order"]))


def sweep_leftovers(inside: Optional[Path] = None) -> None:
    """Delete the folders of windows that ended without doing so, e.g. because the machine was switched off.

    Args:
        inside: folder for temporary files; by default the system's.
    """
    for folder in Path(inside or tempfile.gettempdir()).glob(PREFIX + "*"):
        if is_orphan(folder):
            shutil.rmtree(folder, ignore_errors=True)
