"""How far a run is, as runner, child process and window tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Filled:
    """A slab of the label array that is new since the last report: labels.take(range(start, stop), axis).

    Attributes:
        axis: numpy axis of the array (k, j, i).
        start: its first index.
        stop: one past its last.
    """

    axis: int
    start: int
    stop: int

    @property
    def index(self) -> tuple[slice, ...]:
        """What to index the array with to get a view of the slab."""
        return (slice(None),) * self.axis + (slice(self.start, self.stop),)

    def joined(self, other: Filled) -> Filled:
        """The smallest slab around both, which lie along the same axis."""
        return Filled(self.axis, min(self.start, other.start), max(self.stop, other.stop))


@dataclass(frozen=True)
class Progress:
    """How far a run is: slices labelled so far, of how many.

    Attributes:
        slices_done: labelled so far.
        slices_total: to label in all.
        filled: what of the labels is new; None before the first batch, after the last (which cleans up everywhere),
            and for oblique scans, whose labels come all at once at the end.
    """

    slices_done: int
    slices_total: int
    filled: Optional[Filled] = None
