"""What people have of each organ, as the references of labelled scans say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.report.table import measure
from Training.data.prepared import IGNORE
from Training.data.scans import Dataset, Scan
from Training.evaluation.confidence_fit import Reference, References
from Training.evaluation.scores import channel_of, read_labelled
from Training.system.files import write_json


def read_references(dataset: Dataset, labels: Sequence[Label], file: Path) -> References:
    """Volumes and mean HU of the organs in all labelled scans of a data set.

    Args:
        dataset: opened for `labels`.
        labels: the organs.
        file: where they are kept; they are read from it, where it is there.

    Raises:
        InputError: a scan or its reference cannot be used.
    """
    if not file.is_file():
        drawn = {scan.name: {name: asdict(one) for name, one in _references(scan, labels).items()}
                 for scan in dataset.scans.values() if scan.annotated}
        write_json(file, drawn)
    return {case: {name: Reference(**one) for name, one in organs.items()}
            for case, organs in json.loads(file.read_text(encoding="utf-8")).items()}


def _references(scan: Scan, labels: Sequence[Label]) -> dict[str, Reference]:
    volume, reference = read_labelled(scan)
    values = np.zeros(256, np.uint8)
    for label in labels:
        values[channel_of(label, labels)] = label.value
    values[IGNORE] = 0
    return {row.label.name: Reference(row.volume_ml, row.mean_hu, row.is_cut)
            for row in measure(volume, values[reference], labels)
            if row.label.name in scan.annotated and row.mean_hu is not None}
