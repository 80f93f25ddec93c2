"""Segmentations as files: Slicer's .seg.nrrd, or a label map in .nrrd or .nii.gz."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError, OutputError, check_name
from MISTKDSegmentLib.geometry.box import bounding_box
from MISTKDSegmentLib.geometry.sitk_image import to_image
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.io.nifti import check_nifti
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.model.slicer_terminology import terminology_entry, without_separators

SUFFIXES = (".seg.nrrd", ".nrrd", ".nii.gz")
_GZIP_WINDOW = 31  # for zlib: the largest window, in a gzip file


def write_segmentation(path: Path, volume: Volume, labels: np.ndarray, label_table: Sequence[Label]) -> None:
    """Write the labels of `label_table` on the grid of `volume`; the file appears whole or not at all.

    Args:
        path: ends in `.seg.nrrd` (Slicer segmentation with names, colours and codes; an organ without voxels
            stays listed), `.nrrd` or `.nii.gz` (label map).
        volume: the scan that was segmented; only its geometry is used.
        labels: uint8 of shape (k, j, i), the volume's.
        label_table: organs to write; voxels with other values become background.

    Raises:
        OutputError: unknown suffix, or the file cannot be written.
        ValueError: labels are not uint8 or not on the volume's grid.
    """
    grid = volume.with_voxels(_only(labels, label_table))
    # ITK takes no .NII.GZ.
    name = Path(path).name
    if not name.endswith(SUFFIXES):
        raise OutputError(f"{path} has an unknown file type; use a name ending in "
                          f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.")
    check_name(path, OutputError)
    with atomic_path(Path(path)) as temporary:
        if name.endswith(".nrrd"):
            _write_nrrd(temporary, grid, _segments(grid, label_table) if name.endswith(".seg.nrrd") else [])
        else:
            _write_nifti(temporary, grid, Path(path))


def write_scan(path: Path, volume: Volume) -> None:
    """Write a scan as NIfTI; the file appears whole or not at all.

    Args:
        path: ends in `.nii.gz`.
        volume: voxels and geometry.

    Raises:
        OutputError: if the file cannot be written.
    """
    with atomic_path(Path(path)) as temporary:
        _write_nifti(temporary, volume, Path(path))


def _only(labels: np.ndarray, label_table: Iterable[Label]) -> np.ndarray:
    if labels.dtype != np.uint8:
        raise ValueError(f"labels is {labels.dtype}; it must be uint8")
    keep = np.zeros(256, np.uint8)
    for label in label_table:
        keep[label.value] = label.value
    kept, box = np.zeros_like(labels), bounding_box(labels)
    if box is not None:  # organs are a small part of a scan
        kept[box] = keep[labels[box]]
    return kept


def _write_nifti(path: Path, grid: Volume, target: Path) -> None:
    try:
        sitk.WriteImage(to_image(grid), os.fspath(path), True)
        # ITK does not notice when the disk is full while it writes NIfTI.
        check_nifti(path).check()
    except (RuntimeError, InputError) as error:
        raise OutputError(f"{target} cannot be written, perhaps because the disk is full; free some space or "
                          "choose another folder.") from error


def _write_nrrd(path: Path, grid: Volume, fields: Sequence[str]) -> None:
    # Not through ITK: Python reports a full disk as such.
    with open(path, "wb") as file:
        file.write("\n".join([*_nrrd_header(grid), *fields]).encode() + b"\n\n")
        # Label maps are runs: looking for nothing else takes less than half the time, and hardly any bytes more.
        packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP_WINDOW, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
        for part in grid.voxels:
            file.write(packer.compress(np.ascontiguousarray(part).data))
        file.write(packer.flush())


def _nrrd_header(grid: Volume) -> list[str]:
    sizes = grid.voxels.shape[::-1]
    axes = (np.asarray(grid.direction, float) * np.asarray(grid.spacing_mm)).T
    return [
        "NRRD0004", "type: uint8", "dimension: 3", "space: left-posterior-superior",
        "sizes: " + " ".join(map(str, sizes)), "space directions: " + " ".join(map(_vector, axes)),
        "kinds: domain domain domain", "encoding: gzip", "space origin: " + _vector(grid.origin_mm)]


def _segments(grid: Volume, label_table: Sequence[Label]) -> list[str]:
    """What makes a segmentation of a label map, for Slicer."""
    fields = [
        "Segmentation_ContainedRepresentationNames:=Binary labelmap|", "Segmentation_ConversionParameters:=",
        "Segmentation_MasterRepresentation:=Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset:=0 0 0"]
    for index, label in enumerate(label_table):
        fields += [f"Segment{index}_{key}:={value}" for key, value in
                   _segment_fields(label, grid.voxels.shape[::-1]).items()]
    return fields


def _vector(numbers: Iterable[float]) -> str:
    return "(" + ",".join(repr(float(number)) for number in numbers) + ")"


def _segment_fields(label: Label, sizes: Sequence[int]) -> dict[str, str]:
    """Fields as Slicer's vtkMRMLSegmentationStorageNode reads them."""
    return {
        "ID": without_separators(label.name),
        "Name": without_separators(label.title),
        "NameAutoGenerated": "0",
        "Color": " ".join(f"{channel / 255:.6g}" for channel in label.color),
        "ColorAutoGenerated": "0",
        # The whole grid for each: they share one layer, and Slicer crops that to these extents.
        "Extent": " ".join(f"0 {size - 1}" for size in sizes),
        "LabelValue": str(label.value),
        "Layer": "0",
        "Tags": f"TerminologyEntry:{terminology_entry(label)}|",
    }
