"""One scan from input to results: what a single run, local worker processes and Dask workers all call."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Optional

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.inference.second_look import looks_mirrored
from MISTKDSegmentLib.io.dicom.segmentation import write_dicom_seg
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.io.writing import write_scan, write_segmentation
from MISTKDSegmentLib.model.bundle import Bundle
from MISTKDSegmentLib.phantom.abdomen import make_phantom
from MISTKDSegmentLib.report.doubts import find_doubts
from MISTKDSegmentLib.report.overlay import write_overlay
from MISTKDSegmentLib.report.table import OrganRow, measure, write_csv
from MISTKDSegmentLib.report.terminal import dice_by_name
from MISTKDSegmentLib.system import usable_cores

FORMATS = ("seg.nrrd", "nii.gz", "dcm")
STAGES = ("read", "segment", "measure", "write")


@dataclass(frozen=True)
class Case:
    """One scan to segment.

    Attributes:
        source: its file or folder; None for a made-up abdomen.
        name: of its results: path below the output folder, with slashes and without suffix; by default the scan's.
        files: names of its slices, where the folder holds other files as well.
    """

    source: Optional[Path]
    name: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """How scans are segmented; the same for all of a run.

    Attributes:
        output: folder for the results.
        model: folder of the bundle.
        model_sha256: of the bundle's description.
        organs: names of those to label.
        format: of the segmentation, one of `FORMATS`.
        threads: for one scan; 0 means as many as there are cores.
        slice_step_mm: as in `runner.segment`.
        postprocess: whether to clean up organs as the bundle says.
        picture: whether to write the PNG.
        orientation: how voxels in files lie, whatever their headers say; see `direction_of`.
    """

    output: Path
    model: Path
    model_sha256: str
    organs: tuple[str, ...]
    format: str = "seg.nrrd"
    threads: int = 0
    slice_step_mm: Optional[float] = None
    postprocess: bool = True
    picture: bool = True
    orientation: Optional[str] = None


@dataclass(frozen=True)
class Result:
    """What became of a scan.

    Attributes:
        written: the files.
        seconds: by stage, see `STAGES`.
        slices: of the scan, along its last axis.
        spacing_mm: of the scan, along i, j and k.
        rows: one per organ.
        dice: Dice by organ where the truth is known, else empty.
        doubts: what makes the result doubtful as a whole, see `find_doubts`; nearly always empty.
    """

    written: tuple[Path, ...]
    seconds: Mapping[str, float]
    slices: int
    spacing_mm: tuple[float, float, float]
    rows: tuple[OrganRow, ...]
    dice: Mapping[str, float]
    doubts: tuple[str, ...] = ()


def run_case(case: Case, settings: Settings, bundle: Bundle, report: Callable[[Progress], None]) -> Result:
    """Read, segment, measure and write one scan.

    Args:
        case: the scan.
        settings: what to do with it.
        bundle: the model that `settings` names.
        report: is called after each batch of slices.

    Raises:
        SegmentError: the scan or the output folder cannot be used.
    """
    clock = _Clock()
    cores = usable_cores()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(min(settings.threads or cores, cores))
    _check_format(case, settings)
    volume, truth = _read(case, settings.orientation)
    stem = results_stem(case, settings, volume.name)
    ensure_writable(stem.parent)
    _ensure_input_stays(case, segmentation_path(stem, settings.format))
    clock.stop("read")
    labels = [bundle.label(name) for name in settings.organs]
    found = np.zeros(volume.voxels.shape, np.uint8)
    for progress in segment(volume, bundle, found, organs=settings.organs, threads=settings.threads,
                            slice_step_mm=settings.slice_step_mm, postprocess=settings.postprocess):
        report(progress)
    clock.stop("segment")
    rows = measure(volume, found, labels)
    dice = {} if truth is None else dice_by_name(found, truth, labels)
    doubts = find_doubts(volume, found, rows,
                         is_mirrored=lambda: looks_mirrored(volume, bundle, found, settings.threads))
    clock.stop("measure")
    written = _write(case, settings, bundle, stem, volume, found, rows, doubts)
    clock.stop("write")
    return Result(tuple(written), clock.seconds, len(volume.voxels), volume.spacing_mm, tuple(rows), dice, doubts)


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def stop(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage], self._last = round(now - self._last, 3), now


def _check_format(case: Case, settings: Settings) -> None:
    if settings.format == "dcm" and (case.source is None or case.source.is_file()):
        raise InputError(f"{case.source or 'The made-up abdomen'} is no DICOM folder, and a DICOM segmentation refers "
                         "to one; choose --format seg.nrrd or nii.gz.")


def _read(case: Case, orientation: Optional[str]) -> tuple[Volume, Optional[np.ndarray]]:
    if case.source is None:
        return make_phantom()
    volume = read_volume(case.source, case.files, orientation)
    return replace(volume, name=PurePosixPath(case.name).name or volume.name), None


def results_stem(case: Case, settings: Settings, scan_name: str) -> Path:
    """Path of a case's results without suffix."""
    return settings.output / (case.name or scan_name)


def segmentation_path(stem: Path, format: str) -> Path:
    """Where the segmentation goes: "seg." before nii.gz too, so that it never meets a scan NAME.nii.gz."""
    return Path(f"{stem}.seg.{format.replace('seg.', '')}")


def ensure_writable(folder: Path) -> None:
    """Find out before the long run, not after it, whether results can be written.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror}); name another --output.") from error


def _ensure_input_stays(case: Case, target: Path) -> None:
    if case.source is not None and os.path.exists(target) and os.path.samefile(target, case.source):
        raise OutputError(f"{target} is the input itself; name another folder with --output.")


def _write(case: Case, settings: Settings, bundle: Bundle, stem: Path, volume: Volume, found: np.ndarray,
           rows: Sequence[OrganRow], doubts: Sequence[str]) -> list[Path]:
    """The segmentation, the table, the picture, and the scan itself when it was made up."""
    labels = [row.label for row in rows]
    segmentation = segmentation_path(stem, settings.format)
    table, picture, scan = Path(f"{stem}.csv"), Path(f"{stem}.png"), Path(f"{stem}.nii.gz")
    if settings.format == "dcm" and case.source is not None:
        write_dicom_seg(segmentation, volume, found, labels, bundle, case.source, case.files)
    else:
        write_segmentation(segmentation, volume, found, labels)
    write_csv(table, rows, doubts)
    written = [segmentation, table]
    if settings.picture:
        write_overlay(picture, volume, found, labels)
        written.append(picture)
    if case.source is None:
        write_scan(scan, volume)
        written.append(scan)
    return written
