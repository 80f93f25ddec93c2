"""What a network says of its organs beside how good they are: on scans that it never saw, and on damaged copies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.inference.signals import OrganSignals, Signals
from MISTKDSegmentLib.model.bundle import Bundle
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.report.judgement import organ_signals
from MISTKDSegmentLib.report.table import OrganRow, measure
from Training.data.prepared import IGNORE
from Training.data.scans import Scan
from Training.evaluation.damage import damaged, damages
from Training.evaluation.metrics import dice
from Training.evaluation.scores import channel_of, read_labelled
from Training.system.files import make_folder, write_json

OTHER_PIXELS = "pixels of another size"
OTHER_STUDENT = "another student"
LEAST_ML = 0.5
_ZOOM = 1.15  # of the pixels of the second look
_ROW = ("volume_ml", "mean_hu", "voxels", "touches_edge", "touches_rim", "touches_no_data")


@dataclass(frozen=True)
class Observation:
    """One organ in one copy of a scan.

    Attributes:
        case, damage: the copy.
        row: what was measured of the organ.
        signals: what the network said of it.
        dice: 0 where it is missed or invented; NaN where it is in neither.
        is_there: whether the reference has as much of it as `LEAST_ML`: a sliver at the end of a scan is not missed.
        agreement: Dice of the organ with that of a second prediction, by whose it is; 1 where neither has it.
    """

    case: str
    damage: str
    row: OrganRow
    signals: OrganSignals
    dice: float
    is_there: bool
    agreement: Mapping[str, float]

    @property
    def is_found(self) -> bool:
        """Whether the prediction has it."""
        return self.row.voxels > 0


Seen = Sequence[Observation]


def observe(scans: Sequence[Scan], bundle: Bundle, folder: Path, *, threads: int = 0,
            other: Bundle | None = None) -> Iterator[list[Observation]]:
    """Segment scans and their damaged copies, and look at each; what was looked at before is read from the folder.

    Args:
        scans: which the network never saw.
        bundle: the model.
        folder: where a file for each copy is kept.
        threads: of onnxruntime; 0 lets it choose.
        other: another student that never saw them, for the agreement of two.

    Yields:
        The organs of one copy, copy by copy.

    Raises:
        InputError: a scan or its reference cannot be used.
    """
    for scan in scans:
        read: tuple[Volume, np.ndarray] | None = None
        for number, name in enumerate(damages(bundle.input.window_hu)):
            path = folder / f"{_identity(bundle)}-{scan.name}-{number:02d}.json"
            if not path.is_file():
                read = read or read_labelled(scan)
                copy, truth = damaged(name, *read, bundle.input.window_hu, scan.name)
                make_folder(folder)
                write_json(path, _observed(copy, truth, scan, bundle, threads, other))
            yield [_observation(scan.name, name, label, entry) for label in bundle.labels
                   if (entry := json.loads(path.read_text(encoding="utf-8")).get(label.name)) is not None]


def _identity(bundle: Bundle) -> str:
    """What decides its labels: the network and the post-processing."""
    rules = json.dumps({organ: asdict(rule) for organ, rule in sorted(bundle.postprocessing.items())})
    return hashlib.sha256(f"{bundle.sha256} {rules}".encode()).hexdigest()[:12]


def _observed(volume: Volume, reference: np.ndarray, scan: Scan, bundle: Bundle, threads: int,
              other: Bundle | None) -> dict[str, Any]:
    signals = Signals()
    labels = _labels(volume, bundle, threads, signals)
    rows = measure(volume, labels, bundle.labels)
    heard = organ_signals(rows, bundle, signals)
    zoomed = replace(bundle, input=replace(bundle.input, pixel_spacing_mm=_ZOOM * bundle.input.pixel_spacing_mm))
    seconds = {OTHER_PIXELS: _labels(volume, zoomed, threads)}
    if other is not None:
        seconds[OTHER_STUDENT] = _labels(volume, other, threads)
    valid = reference != IGNORE
    found: dict[str, Any] = {}
    for row in rows:
        if row.label.name not in scan.annotated:
            continue
        organ, real = labels == row.label.value, reference == channel_of(row.label, bundle.labels)
        score = dice(organ & valid, real)
        found[row.label.name] = {
            "row": {key: getattr(row, key) for key in _ROW}, "signals": asdict(heard[row.label.name]),
            "dice": None if np.isnan(score) else score, "is_there": bool(real.sum() * volume.voxel_ml >= LEAST_ML),
            "agreement": {name: float(np.nan_to_num(dice(organ, second == row.label.value), nan=1.0))
                          for name, second in seconds.items()}}
    return found


def _labels(volume: Volume, bundle: Bundle, threads: int, signals: Signals | None = None) -> np.ndarray:
    labels = np.zeros(volume.voxels.shape, np.uint8)
    for _ in segment(volume, bundle, labels, SegmentOptions(threads=threads), signals):
        pass
    return labels


def _observation(case: str, damage: str, label: Label, entry: Mapping[str, Any]) -> Observation:
    score = entry["dice"]
    return Observation(case, damage, OrganRow(label, **entry["row"]), OrganSignals(**entry["signals"]),
                       float("nan") if score is None else score, entry["is_there"], entry["agreement"])
