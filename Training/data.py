"""Slices with their context, drawn from prepared cases that are held in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from MISTKDSegmentLib.context import context_indices
from MISTKDSegmentLib.errors import InputError

MANIFEST = "manifest.json"

BACKGROUND_SHARE = 0.1


@dataclass(frozen=True)
class Case:
    """One prepared case in memory: `image` and `labels` uint8 (k, j, i), pixels of `pixel_spacing_mm`."""

    name: str
    image: np.ndarray
    labels: np.ndarray
    pixel_spacing_mm: float
    slice_spacing_mm: float


def read_manifest(folder: Path) -> dict:
    """The manifest that `prepare` wrote.

    Raises:
        InputError: if there is none.
    """
    path = folder / MANIFEST
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): make it with Training/prepare.py.") from None


def load_cases(folder: Path, names: Sequence[str]) -> list[Case]:
    """Read prepared cases into memory.

    Args:
        folder: what `prepare` wrote.
        names: cases to read, e.g. "case0010".

    Raises:
        InputError: if the folder lacks a case or its file is damaged.
    """
    manifest = read_manifest(folder)
    entries = {entry["name"]: entry for entry in manifest["cases"]}
    missing = [name for name in names if name not in entries]
    if missing:
        raise InputError(f"{folder} has no case {', '.join(missing)}: it holds {', '.join(sorted(entries))}.")
    cases = []
    for name in names:
        image, labels = _read_arrays(folder / f"{name}.npz", entries[name]["sha256"])
        cases.append(Case(name, image, labels, manifest["pixel_spacing_mm"], entries[name]["slice_spacing_mm"]))
    return cases


def _read_arrays(path: Path, sha256: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): prepare the data set again.") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path} is not the file that the manifest describes: prepare the data set again.")
    with np.load(BytesIO(content)) as arrays:
        return arrays["image"], arrays["labels"]


class SliceDataset(Dataset[tuple[Tensor, Tensor]]):
    """Every slice of some cases, each with its context, centred on a common canvas of air.

    Items are `image` uint8 (context, rows, columns) and `labels` uint8 (rows, columns).
    """

    def __init__(self, cases: Sequence[Case], context_offsets_mm: Sequence[float]) -> None:
        self.cases = list(cases)
        self.context_offsets_mm = tuple(context_offsets_mm)
        self.slices = [(case, k) for case in self.cases for k in range(len(case.image))]
        self.canvas = tuple(max(case.image.shape[axis] for case in self.cases) for axis in (1, 2))

    def __len__(self) -> int:
        return len(self.slices)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        case, k = self.slices[index]
        ks = context_indices(k, len(case.image), case.slice_spacing_mm, self.context_offsets_mm)
        return torch.from_numpy(self._on_canvas(case.image[ks])), torch.from_numpy(self._on_canvas(case.labels[k]))

    def organs_per_slice(self) -> list[np.ndarray]:
        """The label values above 0 in each slice."""
        return [np.setdiff1d(np.unique(case.labels[k]), [0]) for case, k in self.slices]

    def _on_canvas(self, pixels: np.ndarray) -> np.ndarray:
        canvas = np.zeros((*pixels.shape[:-2], *self.canvas), np.uint8)
        top, left = ((self.canvas[axis] - pixels.shape[axis - 2]) // 2 for axis in (0, 1))
        canvas[..., top : top + pixels.shape[-2], left : left + pixels.shape[-1]] = pixels
        return canvas


class BalancedSampler(Sampler[int]):
    """Draws slices so that rare organs are seen as often as large ones.

    One draw in ten is a slice without organs; of the others, half are any slice with organs and half are a slice of
    an organ chosen evenly. The order depends on `seed` and the epoch alone.
    """

    def __init__(self, organs_per_slice: Sequence[np.ndarray], draws: int, seed: int) -> None:
        self.draws, self.seed, self.epoch = draws, seed, 0
        self.empty = np.array([i for i, organs in enumerate(organs_per_slice) if not len(organs)])
        self.full = np.array([i for i, organs in enumerate(organs_per_slice) if len(organs)])
        values = sorted({int(value) for organs in organs_per_slice for value in organs})
        self.by_organ = [np.array([i for i, organs in enumerate(organs_per_slice) if v in organs]) for v in values]

    def __len__(self) -> int:
        return self.draws

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self.seed, self.epoch))
        for kind, organ in zip(random.random(self.draws), random.random(self.draws), strict=True):
            if kind < BACKGROUND_SHARE and len(self.empty):
                pool = self.empty
            elif kind < (1 + BACKGROUND_SHARE) / 2:
                pool = self.full
            else:
                pool = self.by_organ[int(organ * len(self.by_organ))]
            yield int(random.choice(pool))

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; Lightning calls this at the start of every epoch."""
        self.epoch = epoch
