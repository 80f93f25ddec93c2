"""One scan from input to results: what a single run, local worker processes and Dask workers all call."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Optional

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.api.result import Result
from MISTKDSegmentLib.api.steps import segment_volume
from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.io.writing import write_scan
from MISTKDSegmentLib.model.bundle import Bundle
from MISTKDSegmentLib.report.table import OrganRow
from MISTKDSegmentLib.report.terminal import dice_by_name
from MISTKDSegmentLib.system import usable_cores

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
        options: how to segment; its organs are named, for each is a column of the summary.
        format: of the segmentation: "seg.nrrd", "nii.gz" or "dcm".
        picture: whether to write the PNG.
    """

    output: Path
    model: Path
    model_sha256: str
    options: SegmentOptions = DEFAULTS
    format: str = "seg.nrrd"
    picture: bool = True

    def with_threads(self, threads: int) -> Settings:
        """The same with another number of threads for one scan."""
        return replace(self, options=replace(self.options, threads=threads))


@dataclass(frozen=True)
class CaseResult:
    """What became of a case.

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


def run_case(case: Case, settings: Settings, bundle: Bundle, report: Callable[[Progress], None]) -> CaseResult:
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
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(min(settings.options.threads or cores, cores))
    _check_format(case, settings)
    volume, truth = _read(case, settings.options.orientation)
    stem = results_stem(case, settings, volume.name)
    ensure_writable(stem.parent)
    _ensure_input_stays(case, segmentation_path(stem, settings.format))
    clock.stop("read")
    result = segment_volume(volume, bundle, settings.options, report, source=case.source, files=case.files)
    clock.stop("segment")
    with ThreadPoolExecutor(1) as beside:
        # Not the writing: it has to tidy up at once when this process is told to end.
        measured = beside.submit(lambda: (result.rows, result.doubts))
        segmentation = result.save(segmentation_path(stem, settings.format))
        clock.stop("write")
        rows, doubts = measured.result()
    dice = {} if truth is None else dice_by_name(result.labels, truth, result.organs)
    clock.stop("measure")
    written = (segmentation, *_write_others(result, settings, stem))
    clock.stop("write")
    return CaseResult(written, clock.seconds, len(volume.voxels), volume.spacing_mm, rows, dice, doubts)


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def stop(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._last, 3)
        self._last = now


def _check_format(case: Case, settings: Settings) -> None:
    if settings.format == "dcm" and (case.source is None or case.source.is_file()):
        raise InputError(f"{case.source or 'The made-up abdomen'} is no DICOM folder, and a DICOM segmentation refers "
                         "to one; choose --format seg.nrrd or nii.gz.")


def _read(case: Case, orientation: Optional[str]) -> tuple[Volume, Optional[np.ndarray]]:
    if case.source is None:
        from MISTKDSegmentLib.phantom.abdomen import make_phantom

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


def _write_others(result: Result, settings: Settings, stem: Path) -> tuple[Path, ...]:
    """The table, the picture, and the scan itself when it was made up."""
    endings = (".csv", ".png") if settings.picture else (".csv",)
    written = [result.save(Path(f"{stem}{ending}")) for ending in endings]
    if result.source is None:
        written.append(Path(f"{stem}.nii.gz"))
        write_scan(written[-1], result.volume)
    return tuple(written)
