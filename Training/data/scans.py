"""Data sets of any layout: which scans there are, and how to read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.labels import Label

LAYOUTS = ("nnunet", "btcv", "transunet", "totalsegmentator", "prepared", "scans")


@dataclass(frozen=True, kw_only=True)
class Scan(ABC):
    """One scan of a data set.

    Attributes:
        name: e.g. "case0010".
        image: where its voxels lie, for messages.
        files: every file that it is read from; where one changes, the scan has changed.
        known: names of the organs asked for that its reference tells; none for an unlabelled scan.
        is_test: whether the data set keeps this labelled scan for testing.
    """

    name: str
    image: Path
    files: tuple[Path, ...]
    known: tuple[str, ...] = ()
    is_test: bool = False

    @property
    def settings(self) -> tuple[object, ...]:
        """What decides, besides the files, what is read: where one changes, the scan has changed."""
        return (self.known,)

    def check(self) -> None:  # noqa: B027 - most layouts have nothing to find out
        """Find out what can be found out without reading voxels.

        Raises:
            InputError: the scan cannot be read.
        """

    @abstractmethod
    def read_volume(self) -> Volume:
        """The scan in HU.

        Raises:
            InputError: it cannot be read or is no CT.
        """

    @abstractmethod
    def read_reference(self, volume: Volume) -> np.ndarray:
        """What a person has drawn: channel numbers and `IGNORE`, uint8 (k, j, i); all 0 for an unlabelled scan.

        Args:
            volume: what `read_volume` gave.

        Raises:
            InputError: it cannot be read, lies on another grid or has values that nobody declared.
        """


@dataclass(frozen=True)
class Dataset:
    """A data set on disk.

    Attributes:
        folder: where it lies.
        layout: name of its layout.
        source, licence: what it says of itself.
        scans: by name, in order.
        unused: names of its labels that become nothing of ours.
    """

    folder: Path
    layout: str
    source: str
    licence: str
    scans: Mapping[str, Scan]
    unused: tuple[str, ...] = ()


def open_dataset(
    folder: Path,
    organs: Sequence[Label],
    *,
    layout: str | None = None,
    label_map: Path | None = None,
    spacing: Path | None = None,
) -> Dataset:
    """Find the scans of a data set; nothing large is read yet.

    Args:
        folder: of the data set.
        organs: the organs asked for; the channel number of each is its position + 1.
        layout: one of `LAYOUTS`; None finds out from what lies in the folder.
        label_map: a label map file, or the name of one that comes with the program; None matches labels by name.
        spacing: YAML file, case -> [i, j, k] in mm, for the layout that has no spacing of its own.

    Raises:
        InputError: the folder is no data set of that layout, or its labels cannot become the organs.
    """
    # Here and not above: the layouts are made of what this module defines.
    from Training.data.layouts.registry import open_layout

    return open_layout(folder, organs, layout=layout, label_map=label_map, spacing=spacing)


def select_scans(dataset: Dataset, names: Sequence[str] | None) -> list[Scan]:
    """The named scans in the given order, or all of them.

    Raises:
        InputError: a name is not in the data set, or no name is given.
    """
    chosen = list(dict.fromkeys(dataset.scans if names is None else names))
    unknown = [name for name in chosen if name not in dataset.scans]
    if unknown:
        raise InputError(f"{dataset.folder} has no case {listed(unknown)}; it has {listed(dataset.scans)}: correct "
                         "the name, or leave it out.")
    if not chosen:
        raise InputError(f"no case of {dataset.folder} is named; name at least one.")
    return [dataset.scans[name] for name in chosen]


def counted(number: int, what: str) -> str:
    """A number of things for people.

    Examples:
        >>> counted(1, "case"), counted(2, "case")
        ('1 case', '2 cases')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def listed(names: Iterable[str]) -> str:
    """Names for a message, at most twenty."""
    names = list(names)
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
