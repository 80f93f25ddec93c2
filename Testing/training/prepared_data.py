"""Made-up prepared cases, written as `prepare` writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS, Label
from Training.data.manifest import CaseEntry, Manifest, write_manifest

ORGANS = tuple(label for label in ABDOMEN_LABELS if label.name in ("liver", "spleen"))


def write_prepared(folder: Path, names: Sequence[str] = ("a", "b", "c"), *, unlabelled: Sequence[str] = (),
                   annotated: Sequence[str] = ("liver", "spleen"), labels: tuple[Label, ...] = ORGANS,
                   window_hu: tuple[float, float] = (-125.0, 275.0), slices: int = 4,
                   patient_of: Mapping[str, str] = MappingProxyType({})) -> Path:
    """Cases of 1.5 mm pixels with a bright liver on the left of the picture and a grey spleen on the right.

    `patient_of` names the case whose patient an unlabelled one shows, a little brighter.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = [write_case(folder, name, (), slices, patient_of.get(name)) for name in unlabelled]
    cases += [write_case(folder, name, tuple(annotated), slices) for name in names]
    write_manifest(folder, Manifest("made up", "none", window_hu, 1.5, labels, tuple(cases)))
    return folder


def write_case(folder: Path, name: str, annotated: tuple[str, ...], slices: int, patient: str | None = None
               ) -> CaseEntry:
    """One case; the same name gives the same voxels."""
    random = np.random.default_rng(list((patient or name).encode()))
    image = random.integers(80, 100, (slices, 48, 64), dtype=np.uint8)
    labels = np.zeros_like(image)
    row = int(random.integers(8, 20))
    labels[1:, row : row + 16, 8:28], labels[1:, row : row + 12, 40:56] = 1, 2
    image[labels == 1], image[labels == 2] = 220, 150
    image += 2 * (patient is not None)
    organs = dict(zip(("liver", "spleen"), (1, 2), strict=True))
    for organ, value in organs.items():
        labels[labels == value] = value if organ in annotated else 0
    np.savez_compressed(folder / f"{name}.npz", image=image, labels=labels)
    return CaseEntry(
        name=name, slices=slices, slice_spacing_mm=5.0, annotated=annotated,
        sha256=hashlib.sha256((folder / f"{name}.npz").read_bytes()).hexdigest(),
        content_sha256=hashlib.sha256(image.tobytes()).hexdigest(),
        voxels={organ: int((labels == value).sum()) for organ, value in organs.items()},
    )
