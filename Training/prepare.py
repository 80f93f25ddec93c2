"""Bring an nnU-Net raw data set into the compact form that training reads: 8-bit slices cropped to the body."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from MISTKDSegmentLib.atomic import atomic_path
from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.frame import canonical_frame
from MISTKDSegmentLib.labels import ABDOMEN_LABELS, Label
from MISTKDSegmentLib.preprocess import SliceGrid, slice_grid, window
from MISTKDSegmentLib.reading import read_label_map, read_volume
from Training.command import run_command
from Training.data import MANIFEST
from Training.dataset import LabelledScan, check_same_grid, find_cases, listed, match_organs, read_dataset


@dataclass(frozen=True)
class PreparedCase:
    """One entry of the manifest.

    Attributes:
        name: case name, e.g. "case0010"; its file is NAME.npz with `image` and `labels`, both uint8 (k, j, i).
        slices: number of axial slices.
        slice_spacing_mm: distance between slices.
        sha256: of the file.
        voxels: labelled pixels per organ name.
    """

    name: str
    slices: int
    slice_spacing_mm: float
    sha256: str
    voxels: dict[str, int]


def prepare(
    raw: Path,
    out: Path,
    *,
    labels: Sequence[Label] = ABDOMEN_LABELS,
    window_hu: tuple[float, float] = (-125.0, 275.0),
    pixel_spacing_mm: float = 1.5,
) -> list[PreparedCase]:
    """Prepare every case of an nnU-Net raw data set that has a label map.

    Args:
        raw: folder with `dataset.json`, `imagesTr/NAME_0000.*` and `labelsTr/NAME.*`.
        out: folder for NAME.npz and the manifest; made if missing, cases in it are replaced.
        labels: the organs to learn, matched to `dataset.json` by name.
        window_hu: HU at 0 and at 255 of the 8-bit images.
        pixel_spacing_mm: in-plane pixel size of the prepared slices.

    Returns:
        The manifest's cases.

    Raises:
        InputError: if the data set or a case in it cannot be used, or the pixel spacing makes no sense.
    """
    if not 0.1 <= pixel_spacing_mm <= 10:
        raise InputError(f"A pixel spacing of {pixel_spacing_mm} mm makes no sense: give 0.1 to 10 mm.")
    dataset = read_dataset(raw)
    value_map = _value_map(dataset["labels"], labels, raw)
    scans = find_cases(raw, str(dataset.get("file_ending", ".nii.gz")), subsets=("Tr",)).values()
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).unlink(missing_ok=True)  # until all cases are new, it would not be true
    cases = [
        _prepare_case(scan, value_map, labels, window_hu, pixel_spacing_mm, out)
        for scan in track(scans, description="Preparing", disable=not sys.stderr.isatty())
    ]
    manifest = {
        "source": dataset.get("reference", raw.name),
        "licence": dataset.get("licence", "not stated by the data set"),
        "window_hu": list(window_hu),
        "pixel_spacing_mm": pixel_spacing_mm,
        "labels": {label.name: label.value for label in labels},
        "cases": [asdict(case) for case in cases],
    }
    with atomic_path(out / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return cases


def _value_map(theirs: Mapping[str, Any], labels: Sequence[Label], raw: Path) -> np.ndarray:
    """Lookup table from the data set's label values to ours."""
    organs = match_organs(labels, theirs)
    missing = {label.name for label in labels} - {organ.label.name for organ in organs}
    if missing:
        raise InputError(f"{raw / 'dataset.json'} has no label named {listed(sorted(missing))}: rename its labels.")
    table = np.zeros(256, np.uint8)
    for organ in organs:
        table[list(organ.reference_values)] = organ.label.value
    return table


def _prepare_case(
    scan: LabelledScan,
    value_map: np.ndarray,
    labels: Sequence[Label],
    window_hu: tuple[float, float],
    pixel_spacing_mm: float,
    out: Path,
) -> PreparedCase:
    name = scan.name
    image, reference = read_volume(scan.image), read_label_map(scan.label_map)
    check_same_grid(scan, image, reference)
    frame = canonical_frame(image)
    canonical, canonical_labels = frame.volume, frame.canonical_labels(value_map[reference.voxels])
    grid = slice_grid(canonical, pixel_spacing_mm, 1)
    slices = np.stack([prepared_image(grid, canonical.voxels[k], window_hu) for k in range(len(canonical.voxels))])
    targets = np.stack([prepared_labels(grid, canonical_labels[k], labels) for k in range(len(slices))])
    voxels = {label.name: int(np.count_nonzero(targets == label.value)) for label in labels}
    if not any(voxels.values()):
        raise InputError(f"{scan.label_map} holds none of the organs: check its label values.")
    with atomic_path(out / f"{name}.npz") as temporary:
        np.savez_compressed(temporary, image=slices, labels=targets)
    digest = hashlib.sha256((out / f"{name}.npz").read_bytes()).hexdigest()
    return PreparedCase(name, len(slices), float(canonical.spacing_mm[2]), digest, voxels)


def prepared_image(grid: SliceGrid, hu: np.ndarray, window_hu: tuple[float, float]) -> np.ndarray:
    """One canonical slice (j, i) in HU as uint8 pixels."""
    box = window(hu[grid.rows, grid.columns], window_hu)[None]
    return np.rint(grid.to_pixels(box)[0] * 255).astype(np.uint8)


def prepared_labels(grid: SliceGrid, slice_labels: np.ndarray, labels: Sequence[Label]) -> np.ndarray:
    """One canonical slice (j, i) of labels as uint8 pixels: in each, the label that covers most of it."""
    box = slice_labels[grid.rows, grid.columns]
    values = [0, *(label.value for label in labels)]
    cover = grid.to_pixels(np.stack([box == value for value in values]))
    cover[0] += 1e-6  # pixels past the image belong to the background
    return np.asarray(values, np.uint8)[cover.argmax(0)]


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("raw", type=Path, help="nnU-Net raw data set: dataset.json, imagesTr, labelsTr")
    parser.add_argument("out", type=Path, help="folder for the prepared cases")
    parser.add_argument("--pixel-spacing-mm", type=float, default=1.5, help="pixel size in mm (default: %(default)s)")
    args = parser.parse_args(argv)

    def work() -> None:
        cases = prepare(args.raw, args.out, pixel_spacing_mm=args.pixel_spacing_mm)
        print(f"{len(cases)} cases, {sum(case.slices for case in cases)} slices in {args.out}")

    return run_command("prepare", work)


if __name__ == "__main__":
    sys.exit(main())
