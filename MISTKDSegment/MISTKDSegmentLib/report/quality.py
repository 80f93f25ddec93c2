"""How good one organ of a result is likely to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from MISTKDSegmentLib.inference.signals import Point

GOOD, LOOK, POOR = "good", "look", "poor"


@dataclass(frozen=True)
class Quality:
    """How good one organ is likely to be.

    Attributes:
        word: "good", "look" or "poor".
        score: expected Dice, 0 to 1; of an organ that was not found, the probability that it is not there.
        is_found: which of the two the score is.
        reasons: what speaks against it most, such as "border unclear on 14 of 31 slices"; none where it is good.
        least_sure_lps: where most is expected to be wrong, in LPS mm.
    """

    word: str
    score: float
    is_found: bool = True
    reasons: tuple[str, ...] = ()
    least_sure_lps: Optional[Point] = None

    @classmethod
    def from_plain(cls, plain: Optional[Mapping[str, Any]]) -> Optional[Quality]:
        """The quality from its `asdict` form, as JSON keeps it; None stays None.

        Raises:
            KeyError, TypeError: it is none.
        """
        if plain is None:
            return None
        place = plain["least_sure_lps"]
        return cls(**{**plain, "reasons": tuple(plain["reasons"]), "least_sure_lps": place and tuple(place)})
