"""Data sets of any layout: which scans there are, and how to read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from Training.system.words import listed


@dataclass(frozen=True, kw_only=True)
class Scan(ABC):
    """A scan of a data set.

    Attributes:
        name: e.g. "case0010".
        image: where its voxels lie, for messages.
        files: every file that it is read from; where one changes, the scan has changed.
        annotated: names of the organs asked for that its reference annotates; none for an unlabelled scan.
        is_test: whether the data set keeps this labelled scan for testing.
    """

    name: str
    image: Path
    files: tuple[Path, ...]
    annotated: tuple[str, ...] = ()
    is_test: bool = False

    @property
    def settings(self) -> tuple[object, ...]:
        """Facts besides the files that decide what is read: where one changes, the scan has changed."""
        return (self.annotated,)

    @property
    def size_mb(self) -> float:
        """Size of its files on disk, in 1e6 bytes."""
        return sum(path.stat().st_size for path in self.files) / 1e6

    def check(self) -> None:
        """Find out whether the scan can be used, as far as that is known without its voxels.

        Raises:
            InputError: a file is missing or may not be read, or the layout knows another reason.
        """
        for path in self.files:
            try:
                with open(path, "rb"):
                    pass
            except OSError as error:
                raise InputError(f"{path} cannot be read ({error.strerror}); put it there or leave {self.name} "
                                 "out.") from None
        self.check_layout()

    def check_layout(self) -> None:  # noqa: B027 - most layouts have nothing to find out
        """Find out what else the layout knows without reading voxels.

        Raises:
            InputError: the scan cannot be used.
        """

    @abstractmethod
    def read_volume(self) -> Volume:
        """Read the scan, in HU.

        Raises:
            InputError: it cannot be read or is no CT.
        """

    @abstractmethod
    def read_reference(self, volume: Volume) -> np.ndarray:
        """Read what a person has drawn: channel numbers and `IGNORE`, uint8 (k, j, i); all 0 for an unlabelled scan.

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
