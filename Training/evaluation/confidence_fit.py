"""The model of predicted quality, fitted to observations, and cases scored that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from MISTKDSegmentLib.inference.signals import OrganSignals
from MISTKDSegmentLib.model.confidence import ABSENCE_SIGNALS, SIGNALS, Confidence, Term, Typical
from MISTKDSegmentLib.report.judgement import absence_features, features
from Training.evaluation.damage import PLAIN
from Training.evaluation.failure_detection import FAILED_BELOW, look_below
from Training.evaluation.observations import Observation, Seen

# Which way a signal may count, so that every coefficient can be explained: more of it is good (1) or bad (-1).
SIGNS = {"soft_dice": 1, "soft_dice_odds": 1, "neighbours": 1, "others": -1, "hu": -1, "small": -1, "partner": -1,
         "peak": -1, "mass": -1}
RIDGE = 1.0  # in observations
PLAIN_WEIGHT = 5.0  # one plain scan counts as that many damaged ones: it is what clinics have
# People differ more than those of one hospital: contrast medium and its phase alone make tens of HU.
_LEAST_LOG_ML_SD, _LEAST_HU_SD, _LEAST_SD = 0.3, 30.0, 1e-3
_LOOK = (FAILED_BELOW, 0.85)  # between which the limit for "look" lies
_POOR = 0.55


@dataclass(frozen=True)
class Reference:
    """An organ of a person as somebody drew it: volume in mL, mean HU, and whether the scan cuts it."""

    ml: float
    hu: float
    is_cut: bool


References = Mapping[str, Mapping[str, Reference]]  # by case and organ


@dataclass(frozen=True)
class Judged:
    """Observations with a score from a model that was not fitted to their case.

    Attributes:
        seen: (n) observations.
        score: (n,), expected Dice; of organs that were not found, the probability that they are not there.
        outcome: (n,), Dice; of organs that were not found, 1 where they are not there, else 0.
    """

    seen: Seen
    score: np.ndarray
    outcome: np.ndarray

    def of(self, choose: Callable[[Observation], bool]) -> Judged:
        """Some of them."""
        kept = np.array([choose(one) for one in self.seen], bool)
        return Judged([one for one, keep in zip(self.seen, kept) if keep], self.score[kept], self.outcome[kept])

    def scored_by(self, score: Callable[[Observation], float]) -> Judged:
        """The same with another score."""
        return replace(self, score=np.array([score(one) for one in self.seen]))

    @property
    def groups(self) -> np.ndarray:
        """(n,), the copy that each belongs to."""
        return np.array([f"{one.case} {one.damage}" for one in self.seen])


def fit(seen: Seen, references: References, signals: Sequence[str] = SIGNALS) -> Confidence:
    """Fit to observations; the limits of the words are those of a model that is sure of itself.

    Args:
        seen: of any number of networks and cases, none of which was trained on.
        references: what the training patients had.
        signals: those to use.
    """
    typical = _typical(references, [one.row.label.name for one in seen])
    known = [one for one in seen if one.row.label.name in typical]
    found = [one for one in known if one.is_found and not np.isnan(one.dice)]
    names = list(typical)
    which = np.eye(len(names))[[names.index(one.row.label.name) for one in found]]
    values = feature_table(found, seen, typical, signals)
    weights = np.array([PLAIN_WEIGHT if one.damage == PLAIN else 1.0 for one in found])
    bias, by_organ, terms = _logistic(values, np.array([one.dice for one in found]), signals, weights, which)
    missing = [one for one in known if not one.is_found]
    absence_bias, _, absence_terms = _logistic(
        _absence_table(missing, typical), np.array([float(not one.is_there) for one in missing]), ABSENCE_SIGNALS,
        np.ones(len(missing)), np.zeros((len(missing), 0)))
    organs = {name: replace(typical[name], bias=bias + by_organ[number]) for number, name in enumerate(names)}
    return Confidence(organs, terms, absence_bias, absence_terms, _LOOK[0], _POOR)


def cross_fit(seen: Seen, references: References, signals: Sequence[str] = SIGNALS) -> Judged:
    """Score each case by a model that knows nothing of it."""
    judged, scores = [], []
    for case in dict.fromkeys(one.case for one in seen):
        rest = {name: organs for name, organs in references.items() if name != case} or references
        confidence = fit([one for one in seen if one.case != case], rest, signals)
        own = [one for one in seen if one.case == case and one.row.label.name in confidence.organs]
        judged += own
        scores += score(own, confidence)
    return with_outcome(judged, scores)


def with_outcome(seen: Seen, scores: Sequence[float]) -> Judged:
    """Observations with their scores, and what came of it."""
    outcome = [one.dice if one.is_found else float(not one.is_there) for one in seen]
    return Judged(seen, np.array(scores, float), np.array(outcome, float))


def with_limits(confidence: Confidence, judged: Judged) -> Confidence:
    """The same with limits for the words that keep false alarms rare in what was scored."""
    limit = float(np.clip(look_below(judged.score, judged.outcome), *_LOOK))
    return replace(confidence, look_below=round(limit, 3), poor_below=min(_POOR, limit))


def score(seen: Seen, confidence: Confidence) -> list[float]:
    """The score of each organ; all organs of a copy have to be there."""
    values = _features(seen, confidence.organs)
    return [confidence.dice(one.row.label.name, value) if one.is_found else
            confidence.absence(absence_features(one.signals, confidence.organs[one.row.label.name]))
            for one, value in zip(seen, values)]


def feature_table(chosen: Seen, seen: Seen, typical: Mapping[str, Typical], signals: Sequence[str]) -> np.ndarray:
    """Features of some observations, (n, signals).

    Args:
        chosen: what to describe.
        seen: with all other organs of these copies.
        typical: by organ.
        signals: the columns.
    """
    known = [one for one in seen if one.row.label.name in typical]
    values = {id(one): value for one, value in zip(known, _features(known, typical))}
    return np.array([[values[id(one)][name] for name in signals] for one in chosen]).reshape(-1, len(signals))


def _features(seen: Seen, typical: Mapping[str, Typical]) -> list[dict[str, float]]:
    found = []
    for _, group in groupby(seen, lambda one: (one.case, one.damage)):
        organs = list(group)
        rows = [one.row for one in organs]
        heard: dict[str, OrganSignals] = {one.row.label.name: one.signals for one in organs}
        found += [features(row, rows, heard, typical) for row in rows]
    return found


def _absence_table(missing: Seen, typical: Mapping[str, Typical]) -> np.ndarray:
    values = [absence_features(one.signals, typical[one.row.label.name]) for one in missing]
    return np.array([[value[name] for name in ABSENCE_SIGNALS] for value in values]).reshape(-1, len(ABSENCE_SIGNALS))


def _typical(references: References, organs: Sequence[str]) -> dict[str, Typical]:
    """What people have of each organ; of organs that nobody drew, nothing."""
    typical = {}
    for organ in dict.fromkeys(organs):
        drawn = [case[organ] for case in references.values() if organ in case and case[organ].ml > 0]
        whole = [one for one in drawn if not one.is_cut] or drawn
        if not drawn:
            continue
        log_ml, hu = np.log([one.ml for one in whole]), np.array([one.hu for one in drawn])
        typical[organ] = Typical(0.0, float(log_ml.mean()), max(float(log_ml.std()), _LEAST_LOG_ML_SD),
                                 float(hu.mean()), max(float(hu.std()), _LEAST_HU_SD))
    return typical


def _logistic(values: np.ndarray, target: np.ndarray, signals: Sequence[str], weights: np.ndarray,
              which: np.ndarray) -> tuple[float, np.ndarray, dict[str, Term]]:
    """Ridge logistic regression on shares, whose coefficients have the signs of `SIGNS`.

    Args:
        values: (n, signals).
        target: (n,), 0 to 1.
        signals: names of the columns.
        weights: (n,), how much each counts.
        which: (n, organs), 1 for the organ of each.

    Returns:
        Bias, what each organ adds to it, and the terms.
    """
    mean, sd = (values.mean(0), np.maximum(values.std(0), _LEAST_SD)) if len(values) else (
        np.zeros(len(signals)), np.ones(len(signals)))
    design = np.hstack([np.ones((len(values), 1)), which, (values - mean) / sd])
    free = 1 + which.shape[1]

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        odds = design @ coefficients
        penalised = np.r_[0.01 * coefficients[:1], coefficients[1:]]
        value = weights @ (np.logaddexp(0, odds) - target * odds) + RIDGE / 2 * (coefficients @ penalised)
        return float(value), design.T @ (weights * (expit(odds) - target)) + RIDGE * penalised

    bounds = [(None, None)] * free + [(0, None) if SIGNS[name] > 0 else (None, 0) for name in signals]
    found = minimize(loss, np.zeros(free + len(signals)), jac=True, method="L-BFGS-B", bounds=bounds).x
    terms = {name: Term(float(m), float(s), float(w)) for name, m, s, w in zip(signals, mean, sd, found[free:])}
    return float(found[0]), found[1:free], terms
