"""The TotalSegmentator data set's layout: a folder per scan, a binary mask per organ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.io.reading import read_label_map, read_volume
from Training.data.label_roles import Roles, assign
from Training.data.layouts.base import NO_LICENCE, DatasetRequest, by_name, check_same_grid, volumes_in
from Training.data.prepared import IGNORE
from Training.data.scans import Dataset, Scan
from Training.data.sides import split_sides

NAME = "totalsegmentator"
WHAT = "s0001/ct.nii.gz with s0001/segmentations/ORGAN.nii.gz (TotalSegmentator)"
CT = "ct.nii.gz"
# Masks that were drawn one by one touch and share a few voxels; more than that share of an organ is a mistake.
MAX_OVERLAP = 0.01


@dataclass(frozen=True, kw_only=True)
class MaskScan(Scan):
    """A scan with one mask file per organ.

    Attributes:
        masks: their label -> its file.
        roles: what their labels are to us.
    """

    masks: dict[str, Path]
    roles: Roles

    @property
    def settings(self) -> tuple[object, ...]:
        return (self.annotated, self.roles)

    def read_volume(self) -> Volume:
        return read_volume(self.image)

    def read_reference(self, volume: Volume) -> np.ndarray:
        channels = np.zeros(volume.voxels.shape, np.uint8)
        for channel, labels in self.roles.organs.items():
            if self._has(labels):
                self._paint(channels, self._mask(labels, volume), channel)
        for labels, left, right in self.roles.sides:
            if self._has(labels):
                self._paint_sides(channels, self._mask(labels, volume), volume, left, right)
        channels[self._mask([label for label in self.roles.ignore if label in self.masks], volume)] = IGNORE
        return channels

    def _has(self, labels: Iterable[str]) -> bool:
        return all(label in self.masks for label in labels)

    def _mask(self, labels: Iterable[str], volume: Volume) -> np.ndarray:
        mask = np.zeros(volume.voxels.shape, bool)
        for label in labels:
            reference = read_label_map(self.masks[label])
            check_same_grid(self.masks[label], reference, self.image, volume)
            mask |= reference.voxels > 0
        return mask

    def _paint_sides(self, channels: np.ndarray, mask: np.ndarray, volume: Volume, left: int, right: int) -> None:
        sided = np.zeros_like(channels)
        split_sides(sided, mask, volume, left=left, right=right, unclear=IGNORE)
        for channel in (left, right):
            self._paint(channels, sided == channel, channel)
        channels[sided == IGNORE] = IGNORE

    def _paint(self, channels: np.ndarray, mask: np.ndarray, channel: int) -> None:
        """Add an organ; the few voxels that another one has too belong to neither.

        Raises:
            InputError: it shares more than a sliver with another one.
        """
        taken = channels[mask]
        others = [int(other) for other in np.unique(taken) if other not in (0, IGNORE)]
        shared = int(np.count_nonzero(taken))
        smallest = min([len(taken), *(int(np.count_nonzero(channels == other)) for other in others)])
        if others and shared > MAX_OVERLAP * smallest:
            folder = self.image.parent / "segmentations"
            raise InputError(f"{folder} has {shared} voxels of {self._file_names(channel)} that belong to "
                             f"{', '.join(map(self._file_names, others))} too; correct these masks.")
        channels[mask] = np.where(taken > 0, IGNORE, channel).astype(np.uint8)

    def _file_names(self, channel: int) -> str:
        sided = (labels for labels, *both in self.roles.sides if channel in both)
        return " and ".join(self.roles.organs.get(channel) or next(sided))


def matches(folder: Path) -> bool:
    """Tell whether a folder looks like this layout."""
    return any(folder.glob(f"*/{CT}"))


def read(folder: Path, request: DatasetRequest) -> Dataset:
    """Read the data set: an organ without a mask file is unknown, a scan without masks unlabelled.

    Raises:
        InputError: no organ comes of the masks.
    """
    masks = {image.parent.name: volumes_in(image.parent / "segmentations") for image in folder.glob(f"*/{CT}")}
    theirs = sorted({label for labels in masks.values() for label in labels})
    roles = assign(request.organs, theirs, request.label_map, folder) if theirs else Roles({})
    scans = [_scan(folder / name, masks[name], roles, request) for name in masks]
    return Dataset(folder, NAME, f"{folder.resolve().name} (TotalSegmentator's layout)", NO_LICENCE,
                   by_name(scans, folder), tuple(label for label in theirs if label not in roles.used))


def _scan(folder: Path, masks: dict[str, Path], roles: Roles, request: DatasetRequest) -> MaskScan:
    used = {label: path for label, path in masks.items() if label in roles.used}
    image = folder / CT
    return MaskScan(name=folder.name, image=image, files=(image, *used.values()),
                    annotated=roles.annotated(request.organs, used), masks=used, roles=roles)
