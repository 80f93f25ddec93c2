"""Two models on the same cases: differences, intervals, a paired test, wins and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import PermutationMethod, wilcoxon

from Training.evaluation.scores import bootstrap_interval, mean_of_defined

OVERALL = "mean"
# Up to so many cases every assignment of signs is counted; beyond, the normal approximation is good.
EXACT_CASES = 16
# Differences smaller than this are rounding and count as a tie.
TIE = 1e-9


@dataclass(frozen=True)
class Pairs:
    """A metric of two models on the same cases.

    Attributes:
        metric: its name; distances are better when smaller, everything else when larger.
        cases, organs: names.
        first, second: arrays (cases, organs), NaN where undefined in either.
    """

    metric: str
    cases: tuple[str, ...]
    organs: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray

    @property
    def differences(self) -> np.ndarray:
        """Second model minus first, (cases, organs)."""
        return self.second - self.first

    @property
    def gains(self) -> np.ndarray:
        """Gain of the second model over the first, (cases, organs)."""
        return -self.differences if _is_distance(self.metric) else self.differences


@dataclass(frozen=True)
class Comparison:
    """Comparison of two models in one organ, or in the mean over organs.

    Attributes:
        cases: pairs in which the metric is defined.
        first, second, difference: means.
        interval: 95 % bootstrap interval of the difference, whole cases drawn.
        p: two-sided, of Wilcoxon's signed-rank test; 1 where no case differs.
        smallest_p: the smallest that the test can give for so many differing cases.
        wins, losses, ties: cases in which the second model is better, worse, the same.
        worst_case, worst_difference: where the second model loses most against the first, or wins least.
    """

    cases: int
    first: float
    second: float
    difference: float
    interval: tuple[float, float]
    p: float
    smallest_p: float
    wins: int
    losses: int
    ties: int
    worst_case: str | None
    worst_difference: float


def pair(first: Mapping[str, Any], second: Mapping[str, Any], protocol: str, metric: str) -> Pairs:
    """Bring the cases of two results.json together.

    An organ that is in neither prediction nor reference leaves nothing to score: where one model alone gets that
    right, its overlap counts as 1, so that inventing an organ is a loss. Distances are compared where both models
    have one.

    Args:
        first, second: "cases" of the files, of the same cases and organs.
        protocol, metric: e.g. "millimetre" and "dice".
    """
    cases = tuple(first)
    organs = tuple(first[cases[0]]["organs"])
    one, other = (np.array([[_value(model[case]["organs"][organ][protocol][metric]) for organ in organs]
                            for case in cases]) for model in (first, second))
    if not _is_distance(metric):
        one, other = (np.where(np.isnan(a) & ~np.isnan(b), 1.0, a) for a, b in ((one, other), (other, one)))
    undefined = np.isnan(one) | np.isnan(other)
    return Pairs(metric, cases, organs, *(np.where(undefined, np.nan, table) for table in (one, other)))


def compare_all(pairs: Pairs) -> dict[str, Comparison]:
    """Compare each organ, and under "mean" the mean over organs.

    The overall difference is that of the two models' means over organs; its test takes each case's mean over the
    organs that it has.
    """
    compared = {organ: _compare(pairs, [column]) for column, organ in enumerate(pairs.organs)}
    return {**compared, OVERALL: _compare(pairs, range(len(pairs.organs)))}


def signed_rank_p(gains: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, exact up to 16 differing cases, ties among them included.

    Args:
        gains: one per case; those that are zero are left out (Wilcoxon 1945).

    Returns:
        0 to 1; 1 where fewer than two cases differ, NaN where there is no case.
    """
    if not gains.size:
        return float("nan")
    differing = gains[np.abs(gains) > TIE]
    if len(differing) < 2:
        return 1.0
    exact = len(differing) <= EXACT_CASES
    # Rounded, so that equal differences have equal ranks.
    method = PermutationMethod(n_resamples=2 ** len(differing)) if exact else "approx"
    return float(min(1.0, wilcoxon(np.round(differing, 12), method=method).pvalue))


def smallest_p(cases: int) -> float:
    """The smallest two-sided p that the exact test can give: all cases differ in one direction.

    Examples:
        >>> smallest_p(4)
        0.125
    """
    return min(1.0, 2.0 ** (1 - cases))


def _value(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _is_distance(metric: str) -> bool:
    return metric.startswith("hd95")


def _compare(pairs: Pairs, columns: Sequence[int]) -> Comparison:
    part = np.asarray(list(columns))
    first, second, differences = (table[:, part] for table in (pairs.first, pairs.second, pairs.differences))
    by_case = mean_of_defined(pairs.gains[:, part], axis=1)
    defined = ~np.isnan(by_case)
    gains = by_case[defined]
    worst = int(np.nanargmin(by_case)) if defined.any() else None
    return Comparison(
        cases=len(gains),
        first=_mean(first),
        second=_mean(second),
        difference=_mean(differences),
        interval=bootstrap_interval(differences),
        p=signed_rank_p(gains),
        smallest_p=smallest_p(int((np.abs(gains) > TIE).sum())),
        wins=int((gains > TIE).sum()),
        losses=int((gains < -TIE).sum()),
        ties=int((np.abs(gains) <= TIE).sum()),
        worst_case=None if worst is None else pairs.cases[worst],
        worst_difference=float("nan") if worst is None else float(mean_of_defined(differences, axis=1)[worst]),
    )


def _mean(table: np.ndarray) -> float:
    return float(mean_of_defined(mean_of_defined(table, axis=0), axis=0))
