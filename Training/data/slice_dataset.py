"""Slices with their context, and the order in which they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from MISTKDSegmentLib.inference.context import context_indices
from Training.data.prepared import PreparedCase
from Training.system.distributed import process_count, process_rank

BACKGROUND_SHARE = 0.1


class Draw(NamedTuple):
    """A slice to show: its place in the data set and the seed of its random view."""

    place: int
    seed: int


class Batch(NamedTuple):
    """Slices with their context; as one item of the data set, each without the batch axis.

    Attributes:
        image: uint8 (batch, context, rows, columns), 0 to 255 over the HU window.
        labels: uint8 (batch, rows, columns), channels of the organs, 255 where no label is valid.
        annotated: bool (batch, classes), the channels that each reference annotates.
        place: int64 (batch,), places in the data set.
        seed: int64 (batch,), of the random views.
    """

    image: Tensor
    labels: Tensor
    annotated: Tensor
    place: Tensor
    seed: Tensor


class SliceDataset(Dataset[Batch]):
    """Every slice of some cases, each with its context.

    Args:
        cases: prepared cases.
        context_offsets_mm: slices shown together, by distance from the one that is segmented.
        common_canvas: whether all lie centred on one canvas of air, so that any of them make a batch. Networks see
            how much air there is around a patient: what is measured should have no more than inference has.
    """

    def __init__(self, cases: Sequence[PreparedCase], context_offsets_mm: Sequence[float], *,
                 common_canvas: bool = True) -> None:
        self.cases = list(cases)
        self.context_offsets_mm = tuple(context_offsets_mm)
        largest = tuple(max(case.image.shape[axis] for case in self.cases) for axis in (1, 2))
        self.canvas = largest if common_canvas else None
        self._starts = np.cumsum([0, *(len(case.image) for case in self.cases)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, draw: Draw) -> Batch:
        number, k = self.locate(draw.place)
        case = self.cases[number]
        ks = context_indices(k, len(case.image), case.slice_spacing_mm, self.context_offsets_mm)
        return Batch(
            torch.from_numpy(self._on_canvas(np.stack([case.image[k] for k in ks]))),
            torch.from_numpy(self._on_canvas(case.labels[k])),
            torch.from_numpy(case.annotated),
            torch.tensor(draw.place),
            torch.tensor(draw.seed),
        )

    def locate(self, place: int) -> tuple[int, int]:
        """Number of the case and of its slice that a place in the data set stands for."""
        number = int(np.searchsorted(self._starts, place, side="right")) - 1
        return number, place - int(self._starts[number])

    def name(self, place: int) -> str:
        """Case and slice number of a place, for messages."""
        number, k = self.locate(place)
        return f"{self.cases[number].name}:{k}"

    def organs(self) -> np.ndarray:
        """Bool (slices, classes): the channels that each slice holds."""
        return np.concatenate([case.organs for case in self.cases])

    def is_labelled(self) -> np.ndarray:
        """Bool (slices,): whether the slice's case has a reference."""
        return np.concatenate([np.full(len(case.image), case.is_labelled) for case in self.cases])

    def places(self, number: int) -> range:
        """Places of the slices of a case, given by its number."""
        return range(int(self._starts[number]), int(self._starts[number + 1]))

    def _on_canvas(self, pixels: np.ndarray) -> np.ndarray:
        if self.canvas is None:
            return np.array(pixels)  # mapped pixels cannot be written, which PyTorch warns of
        canvas = np.zeros((*pixels.shape[:-2], *self.canvas), np.uint8)
        top, left = ((self.canvas[axis] - pixels.shape[axis - 2]) // 2 for axis in (0, 1))
        canvas[..., top : top + pixels.shape[-2], left : left + pixels.shape[-1]] = pixels
        return canvas


class BalancedSampler(Sampler[Draw]):
    """Draws slices so that rare organs are seen as often as large ones.

    Of the labelled draws, one in ten is a slice without organs; of the others, half are any slice with organs and half
    are a slice of an organ chosen evenly. The n-th draw depends on `seed` and n alone: neither on where a run was
    stopped, nor on how many processes share it.

    Args:
        dataset: what to draw from.
        batches: batches per epoch.
        batch_size: slices per batch, over all processes.
        seed: of the order.
        unlabelled_share: share of the draws that goes to unlabelled cases.
    """

    def __init__(
        self, dataset: SliceDataset, batches: int, batch_size: int, seed: int, unlabelled_share: float = 0.0
    ) -> None:
        self.batches, self.batch_size, self.seed, self.epoch = batches, batch_size, seed, 0
        organs, labelled = dataset.organs()[:, 1:], dataset.is_labelled()
        self.unlabelled = np.flatnonzero(~labelled)
        self.empty = np.flatnonzero(labelled & ~organs.any(1))
        self.full = np.flatnonzero(labelled & organs.any(1))
        self.by_organ = [np.flatnonzero(labelled & column) for column in organs.T if (labelled & column).any()]
        self.unlabelled_share = unlabelled_share if len(self.unlabelled) else 0.0

    def __len__(self) -> int:
        return self.batches * self.batch_size // process_count()

    def __iter__(self) -> Iterator[Draw]:
        share = self.batch_size // process_count()
        for batch in range(self.batches):
            first = (self.epoch * self.batches + batch) * self.batch_size + process_rank() * share
            yield from (self.draw(number) for number in range(first, first + share))

    def draw(self, number: int) -> Draw:
        """The draw of that number, counted from the beginning of the run."""
        random = np.random.default_rng((self.seed, number))
        return Draw(int(random.choice(self._pool(*random.random(3)))), int(random.integers(2**63)))

    def _pool(self, labelled: float, kind: float, organ: float) -> np.ndarray:
        if labelled < self.unlabelled_share:
            return self.unlabelled
        if not len(self.full) or (kind < BACKGROUND_SHARE and len(self.empty)):
            return self.empty
        if kind < (1 + BACKGROUND_SHARE) / 2:
            return self.full
        return self.by_organ[int(organ * len(self.by_organ))]

    def set_epoch(self, epoch: int) -> None:
        """Choose which draws come next; Lightning calls this at the start of every epoch."""
        self.epoch = epoch


class CaseBatches(Sampler[list[Draw]]):
    """Every slice once, in batches of one case each; several processes take turns."""

    def __init__(self, dataset: SliceDataset, batch_size: int) -> None:
        self.batches = [
            [Draw(place, 0) for place in dataset.places(number)[first : first + batch_size]]
            for number, case in enumerate(dataset.cases) for first in range(0, len(case.image), batch_size)
        ]

    def __len__(self) -> int:
        return len(range(process_rank(), len(self.batches), process_count()))

    def __iter__(self) -> Iterator[list[Draw]]:
        yield from self.batches[process_rank() :: process_count()]
