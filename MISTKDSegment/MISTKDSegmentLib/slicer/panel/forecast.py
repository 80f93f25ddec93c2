"""How far a run is and how long the rest of it will take, from its first second on (touches slicer)."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, astuple, dataclass
from typing import Callable, Optional

import slicer

_SETTING = "MISTKDSegment/habits"
# An estimate counts as much as this many slices that were seen.
_TRUST = 8


@dataclass(frozen=True)
class Habits:
    """What earlier runs took on this computer, in seconds; at first a guess.

    Attributes:
        start_s: from the click to the first slice.
        slice_s: for a slice that the network sees.
        end_s: from the last slice to the result.
    """

    start_s: float = 3.0
    slice_s: float = 0.03
    end_s: float = 1.0

    def mixed(self, start_s: float, slice_s: float, end_s: float) -> Habits:
        """These, half replaced by what a new run took."""
        return Habits((self.start_s + start_s) / 2, (self.slice_s + slice_s) / 2, (self.end_s + end_s) / 2)


def load_habits(model: str) -> Habits:
    """Read what runs of a model took so far from the user's settings."""
    try:
        habits = Habits(**_kept()[model])
        return habits if all(0 <= value < math.inf for value in astuple(habits)) else Habits()
    except (KeyError, TypeError):
        return Habits()


def keep_habits(model: str, habits: Habits) -> None:
    """Write what runs of a model take into the user's settings."""
    slicer.app.userSettings().setValue(_SETTING, json.dumps({**_kept(), model: asdict(habits)}))


def _kept() -> dict[str, dict[str, float]]:
    try:
        kept = json.loads(slicer.app.userSettings().value(_SETTING) or "{}")
    except (TypeError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


class Forecast:
    """Watches a run from its start to its end.

    Args:
        habits: what earlier runs took.
        slices: how many there are likely to be.
        share: of the slices that the network sees; those between are interpolated.
        clock: seconds, growing.
    """

    def __init__(self, habits: Habits, slices: int, share: float = 1.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._habits, self._total, self._share, self._clock = habits, slices, share, clock
        self._begun = clock()
        self._first: Optional[tuple[float, int]] = None
        self._last = (self._begun, 0)
        self._fraction = 0.0

    def reached(self, done: int, total: int) -> None:
        """Note that so many slices are done now."""
        self._last, self._total = (self._clock(), done), total
        # The time up to the first report goes to loading and warming up, and says nothing about the pace.
        if done and self._first is None:
            self._first = self._last

    @property
    def seconds_left(self) -> float:
        """Seconds until the result is there."""
        now, (when, done) = self._clock(), self._last
        expected_s = (self._total - done) * self._slice_s() + self._habits.end_s
        if not done:
            expected_s += self._habits.start_s
            when = self._begun
        # However long the start takes: the slices come after it.
        least_s = 0.0 if done else self._total * self._slice_s()
        return max(expected_s - (now - when), least_s)

    @property
    def fraction(self) -> float:
        """The part of the work that is over, 0 to 1: it never goes back, and is never all."""
        habits, (when, done), now = self._habits, self._last, self._clock()
        slices_s = self._total * habits.slice_s * self._share
        over_s = habits.start_s if done else min(now - self._begun, habits.start_s)
        if self._total:
            over_s += slices_s * done / self._total
        if done and done == self._total:
            over_s += min(now - when, habits.end_s)
        whole_s = habits.start_s + slices_s + habits.end_s
        self._fraction = max(self._fraction, min(over_s / whole_s if whole_s > 0 else 0.0, 0.99))
        return self._fraction

    def habits(self) -> Habits:
        """The habits with what this run took, at its end."""
        if self._first is None:
            return self._habits
        (first, _done), (last, _all), now = self._first, self._last, self._clock()
        return self._habits.mixed(first - self._begun, self._slice_s() / self._share, now - last)

    def _slice_s(self) -> float:
        """Seconds for a slice: what was seen, and the less was seen, the more what was expected."""
        expected_s = self._habits.slice_s * self._share
        if self._first is None:
            return expected_s
        (begun, first), (now, last) = self._first, self._last
        return (expected_s * _TRUST + (now - begun)) / (_TRUST + last - first)
