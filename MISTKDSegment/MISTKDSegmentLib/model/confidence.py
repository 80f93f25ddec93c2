"""How sure a model is of its organs: a logistic model of their Dice, whose coefficients lie in `model.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from MISTKDSegmentLib.model.json_values import number, table

# What speaks for or against an organ that was found; see `report.judgement.features`.
SIGNALS = ("soft_dice", "soft_dice_odds", "neighbours", "others", "hu", "small", "partner")
# What speaks against the absence of one that was not.
ABSENCE_SIGNALS = ("peak", "mass")
_MOST = 30.0  # exp of more says nothing


@dataclass(frozen=True)
class Term:
    """One signal in the model: it adds weight * (signal - mean) / sd.

    Attributes:
        mean, sd: of the signal among the organs that the model was fitted to.
        weight: in log odds.
    """

    mean: float
    sd: float
    weight: float

    def of(self, signal: float) -> float:
        """What a signal adds to the log odds."""
        return self.weight * (signal - self.mean) / self.sd


@dataclass(frozen=True)
class Typical:
    """One organ in the model, and what the training patients had of it.

    Attributes:
        bias: log odds where every signal has its mean.
        log_ml, log_ml_sd: mean and standard deviation of the logarithm of its volume in mL.
        hu, hu_sd: of its mean HU.
    """

    bias: float
    log_ml: float
    log_ml_sd: float
    hu: float
    hu_sd: float


@dataclass(frozen=True)
class Confidence:
    """A logistic model of the Dice of organs that were found, and one of the absence of those that were not.

    Attributes:
        organs: by name; of others, nothing is said.
        terms: by signal, of `SIGNALS`.
        absence_bias: log odds that an organ that was not found is not there, where every signal has its mean.
        absence_terms: by signal, of `ABSENCE_SIGNALS`.
        look_below: an organ whose expected Dice is less is to be looked at.
        poor_below: the same of one that is probably wrong.
    """

    organs: Mapping[str, Typical]
    terms: Mapping[str, Term]
    absence_bias: float
    absence_terms: Mapping[str, Term]
    look_below: float
    poor_below: float

    def dice(self, organ: str, signals: Mapping[str, float]) -> float:
        """Expected Dice, 0 to 1, of an organ that was found."""
        return logistic(self.organs[organ].bias + sum(term.of(signals[name]) for name, term in self.terms.items()))

    def absence(self, signals: Mapping[str, float]) -> float:
        """Probability, 0 to 1, that an organ that was not found is not there."""
        return logistic(self.absence_bias + sum(term.of(signals[name]) for name, term in self.absence_terms.items()))

    def word(self, score: float) -> str:
        """"good", "look" or "poor" for an expected Dice or a probability of absence."""
        return "poor" if score < self.poor_below else "look" if score < self.look_below else "good"


def logistic(log_odds: float) -> float:
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + math.exp(-min(max(log_odds, -_MOST), _MOST)))


def parse_confidence(entry: Mapping[str, Any]) -> Confidence:
    """A `Confidence` from its `asdict` form, as JSON keeps it.

    Raises:
        KeyError, TypeError, ValueError: something is missing or makes no sense.
    """
    organs = {name: Typical(**{key: number(organ[key]) for key in Typical.__annotations__})
              for name, organ in table(entry, "organs").items()}
    confidence = Confidence(organs, _terms(entry, "terms", SIGNALS), number(entry["absence_bias"]),
                            _terms(entry, "absence_terms", ABSENCE_SIGNALS), number(entry["look_below"]),
                            number(entry["poor_below"]))
    if not 0 <= confidence.poor_below <= confidence.look_below <= 1:
        raise ValueError(f"poor_below is {confidence.poor_below:g} and look_below {confidence.look_below:g}")
    sds = [sd for organ in organs.values() for sd in (organ.log_ml_sd, organ.hu_sd)]
    if min((*sds, *(term.sd for term in (*confidence.terms.values(), *confidence.absence_terms.values())))) <= 0:
        raise ValueError("a standard deviation is not above 0")
    return confidence


def _terms(entry: Mapping[str, Any], key: str, known: tuple[str, ...]) -> dict[str, Term]:
    terms = {name: Term(number(term["mean"]), number(term["sd"]), number(term["weight"]))
             for name, term in table(entry, key).items()}
    unknown = [name for name in terms if name not in known]
    if unknown:
        raise ValueError(f"{key} has {unknown[0]!r}, which this program does not gather")
    return terms
