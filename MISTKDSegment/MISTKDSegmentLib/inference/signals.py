"""What the network says of each organ besides its labels, gathered while slices are labelled, on the network's grid.

Of each slice, sums are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional, Union

import numpy as np

from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.interpolation import Axis
from MISTKDSegmentLib.inference.preprocess import SliceGrid

UNCLEAR = 0.65  # mean probability along the border of a slice; below it, the border is unclear
_FAR = 4.0  # a cell where every organ lies this far (log odds) behind the background has no say
_APART_MM = 5.0  # of slices that follow each other: what `neighbours` refers to

Point = tuple[float, float, float]


@dataclass(frozen=True)
class OrganSignals:
    """What the network says of one organ.

    p is its probability at a cell, with the model's offsets; "its cells" are those where it wins.

    Attributes:
        slices: number of slices with cells of it, of those that the network saw.
        unclear_slices: of these, with a mean p below `UNCLEAR` along the border.
        soft_dice: Dice that is expected if p is right: twice the sum of p over its cells, over their number plus the
            sum of p everywhere (as in Li et al. 2022, "Towards frame-level performance estimation").
        neighbours: Dice of its cells in slices that follow each other, to the power of 5 mm over their distance: the
            farther slices are apart, the less they agree in any organ.
        others: probability of other organs in its cells.
        peak: largest p.
        mass_ml: sum of p, as a volume.
        least_sure_lps: where most is expected to be wrong, in LPS mm; where p is largest if it has no cells.
    """

    slices: int = 0
    unclear_slices: int = 0
    soft_dice: float = 0.0
    neighbours: float = 0.0
    others: float = 0.0
    peak: float = 0.0
    mass_ml: float = 0.0
    least_sure_lps: Optional[Point] = None


class _Sums(NamedTuple):
    """Sums over the cells of one slice, each an array (classes,)."""

    area: np.ndarray
    inside: np.ndarray
    mass: np.ndarray
    peak: np.ndarray
    rim: np.ndarray
    rim_inside: np.ndarray
    others: np.ndarray
    overlap: np.ndarray
    row: np.ndarray
    column: np.ndarray


class Signals:
    """Looks at the class scores of a run, slice by slice; filled when the run is over, as its labels are.

    Give it to `runner.segment`.
    """

    def __init__(self) -> None:
        self._ks: list[int] = []
        self._sums: list[_Sums] = []
        self._winners: Optional[np.ndarray] = None  # of the last slice
        self._volume: Optional[Volume] = None
        self._grid: Optional[SliceGrid] = None
        self._region: Optional[Region] = None

    def start(self, volume: Volume, grid: SliceGrid, region: Optional[Region] = None) -> None:
        """Forget what was seen, and look at another scan.

        Args:
            volume: canonical.
            grid: of the network's pixels over its slices.
            region: outside of which nothing is labelled.
        """
        self._ks, self._sums, self._winners = [], [], None
        self._volume, self._grid, self._region = volume, grid, region

    def look(self, k: int, scores: np.ndarray) -> None:
        """Take one slice into account.

        Args:
            k: its number; ascending from call to call.
            scores: float32 (classes, h, w): logits, or logarithms of probabilities, with the model's offsets.
        """
        lead = scores[1:].max(0) - scores[0]
        seen = lead > -_FAR
        if self._region is not None:
            seen &= self._in_region(k, lead.shape)
        cells = np.flatnonzero(seen)
        logits = scores.reshape(len(scores), -1)[:, cells]
        powers = np.exp(logits - logits.max(0))
        probability = powers / powers.sum(0)
        winners = np.zeros(lead.shape, np.uint8)
        winners.flat[cells] = probability.argmax(0)
        before = np.zeros_like(winners) if self._winners is None else self._winners
        self._ks.append(k)
        self._sums.append(_sums(probability, cells, winners, before))
        self._winners = winners

    def of_class(self, number: int) -> OrganSignals:
        """The signals of an organ.

        Args:
            number: of its class; 0 is the background.
        """
        if not self._ks:
            return OrganSignals()
        sums = _Sums(*(np.array([getattr(one, name)[number] for one in self._sums]) for name in _Sums._fields))
        mass_ml = float(sums.mass.sum()) * self._cell_ml
        peak = float(sums.peak.max())
        area = float(sums.area.sum())
        if not area:
            place = int(sums.peak.argmax())
            where = self._position(place, sums) if sums.mass[place] > 0 else None
            return OrganSignals(peak=peak, mass_ml=mass_ml, least_sure_lps=where)
        there = sums.area > 0
        rim = sums.rim_inside[there] / np.maximum(sums.rim[there], 1)
        wrong = sums.area + sums.mass - 2 * sums.inside
        return OrganSignals(
            slices=int(there.sum()),
            unclear_slices=int((rim < UNCLEAR).sum()),
            soft_dice=float(2 * sums.inside.sum() / (area + sums.mass.sum())),
            neighbours=_neighbours(sums) ** (_APART_MM / self._distance_mm),
            others=float(sums.others.sum()) / area,
            peak=peak,
            mass_ml=mass_ml,
            least_sure_lps=self._position(int(wrong.argmax()), sums),
        )

    @property
    def _cells(self) -> tuple[Axis, Axis]:
        assert self._grid is not None and self._winners is not None
        return self._grid.cells(self._winners.shape)

    @property
    def _cell_ml(self) -> float:
        rows, columns = self._cells
        return rows.spacing_mm * columns.spacing_mm * self._distance_mm / 1000

    @property
    def _distance_mm(self) -> float:
        """Distance of the slices that were run."""
        assert self._volume is not None
        return self._volume.spacing_mm[2] * (float(np.median(np.diff(self._ks))) if len(self._ks) > 1 else 1.0)

    def _position(self, place: int, sums: _Sums) -> Point:
        """Where in a slice most of an organ is uncertain."""
        assert self._volume is not None
        rows, columns = self._cells
        j = (rows.start_mm + rows.spacing_mm * sums.row[place]) / self._volume.spacing_mm[1]
        i = (columns.start_mm + columns.spacing_mm * sums.column[place]) / self._volume.spacing_mm[0]
        x, y, z = (self._volume.ijk_to_lps @ (i, j, self._ks[place], 1.0))[:3]
        return float(x), float(y), float(z)

    def _in_region(self, k: int, shape: tuple[int, ...]) -> np.ndarray:
        assert self._volume is not None and self._grid is not None and self._region is not None
        axes = zip(self._grid.cells(shape), (self._grid.rows, self._grid.columns), self._volume.spacing_mm[1::-1])
        rows, columns = (np.clip(np.rint(cells.centres_mm / mm).astype(int), box.start, box.stop - 1)
                         for cells, box, mm in axes)
        return self._region.mask(self._volume, k)[np.ix_(rows, columns)]


def _sums(probability: np.ndarray, cells: np.ndarray, winners: np.ndarray, before: np.ndarray) -> _Sums:
    """Sums over a slice.

    Args:
        probability: (classes, n), of the cells that have a say.
        cells: (n,), where they are in the flattened slice.
        winners: uint8 (h, w).
        before: the same of the slice before.
    """
    classes = len(probability)
    winner = winners.flat[cells]

    def by_winner(weights: Optional[np.ndarray] = None, chosen: Union[slice, np.ndarray] = slice(None)) -> np.ndarray:
        return np.bincount(winner[chosen], None if weights is None else weights[chosen], classes)[:classes]

    won = probability.max(0) if len(cells) else np.zeros(0, np.float32)
    rim = _rim(winners).flat[cells]
    mass = probability.sum(1)
    unsure = np.minimum(probability, 1 - probability)
    weight = np.maximum(unsure.sum(1), 1e-9)
    row, column = np.divmod(cells, winners.shape[1])
    return _Sums(
        area=by_winner(),
        inside=by_winner(won),
        mass=mass,
        peak=probability.max(1) if len(cells) else np.zeros(classes),
        rim=by_winner(None, rim),
        rim_inside=by_winner(won, rim),
        others=by_winner(1 - won - probability[0]),
        overlap=np.bincount(winners[winners == before], None, classes)[:classes],
        row=unsure @ row / weight,
        column=unsure @ column / weight,
    )


def _rim(winners: np.ndarray) -> np.ndarray:
    """Cells with another winner above, below, left or right of them."""
    rim = np.zeros(winners.shape, bool)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = winners[one] != winners[other]
        rim[one] |= differs
        rim[other] |= differs
    return rim


def _neighbours(sums: _Sums) -> float:
    """Dice of slices with the ones after them; the ends of an organ count, those of the scan do not."""
    both = sums.area[1:] + sums.area[:-1]
    return float(2 * sums.overlap[1:].sum() / both.sum()) if both.sum() else 1.0
