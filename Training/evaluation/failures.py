"""The worst failures of a model as a picture: reference above, prediction below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from MISTKDSegmentLib.geometry.canonical_frame import canonical_frame
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.preprocess import body_box, window
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.labels import Label
from Training.data.prepared import IGNORE
from Training.evaluation.metrics import dice
from Training.evaluation.pictures import example_figure
from Training.system.words import spaced

FILE = "failures.png"
MOST = 4


class Failure(NamedTuple):
    """An organ of a case, and the slice in which most of it is wrong.

    Attributes:
        dice: of the organ in the whole case.
        title: case, organ and Dice.
        pixels: (h, w) in [0, 1], patient's right on the left.
        reference, predicted: (h, w), channels.
    """

    dice: float
    title: str
    pixels: np.ndarray
    reference: np.ndarray
    predicted: np.ndarray


class Failures:
    """Keeps the organs with the lowest Dice below 1, at most one of a case while there are enough cases.

    Args:
        organs: of the model, in the order of its channels 1, 2, …
        window_hu: of the model.
    """

    def __init__(self, organs: Sequence[Label], window_hu: tuple[float, float]) -> None:
        self._organs, self._window_hu = organs, window_hu
        self._by_case: list[list[Failure]] = []

    def look(self, volume: Volume, labels: np.ndarray, reference: np.ndarray, annotated: Sequence[str]) -> None:
        """Take a case into account.

        Args:
            volume: the scan, under the name of the case.
            labels: uint8 label map (k, j, i).
            reference: channels and `IGNORE`, of the same shape.
            annotated: organs that the reference annotates.
        """
        channels = np.zeros(256, np.uint8)
        for channel, organ in enumerate(self._organs, 1):
            channels[organ.value] = channel
        predicted = np.where(reference == IGNORE, IGNORE, channels[labels])
        scores = [(dice(predicted == channel, reference == channel), channel)
                  for channel, organ in enumerate(self._organs, 1) if organ.name in annotated]
        # Of an organ without a wrong voxel, Dice is 1; of one that is in neither, it is no number.
        worst = sorted(one for one in scores if one[0] < 1)[:MOST]
        if worst:
            self._by_case.append(list(self._failures(volume, predicted, reference, worst)))

    def _failures(self, volume: Volume, predicted: np.ndarray, reference: np.ndarray,
                  worst: Sequence[tuple[float, int]]) -> Iterator[Failure]:
        frame = canonical_frame(volume)
        box = body_box(frame.volume)
        theirs, ours = (frame.canonical_labels(one) for one in (reference, predicted))
        for score, channel in worst:
            wrong = ((theirs == channel) != (ours == channel)).sum((1, 2))
            place = (int(wrong.argmax()), *box)
            title = f"{volume.name}\n{spaced(self._organs[channel - 1].name)}: Dice {score:.2f}"
            pixels = window(frame.volume.voxels[place], self._window_hu)
            # Copies: views would keep the label maps of all cases in memory.
            yield Failure(score, title, pixels, theirs[place].copy(), ours[place].copy())

    def worst(self) -> list[Failure]:
        """The failures to show, worst first."""
        ranks = max((len(case) for case in self._by_case), default=0)
        in_turn = [sorted(case[rank] for case in self._by_case if len(case) > rank) for rank in range(ranks)]
        return [failure for rank in in_turn for failure in rank][:MOST]

    def write(self, folder: Path, reference: str = "reference") -> None:
        """Write `failures.png`, where there is anything to show.

        Args:
            folder: where it goes.
            reference: what the upper row is called.

        Raises:
            OutputError: it cannot be written.
        """
        shown = self.worst()
        if shown:
            titles, pixels, theirs, ours = zip(*(failure[1:] for failure in shown), strict=True)
            with atomic_path(folder / FILE) as temporary:
                example_figure(pixels, theirs, ours, titles, self._organs, reference).savefig(temporary, dpi=110)
