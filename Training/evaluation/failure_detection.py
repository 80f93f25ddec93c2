"""How well a score tells good segmentations from failed ones, in the figures of the literature on failure detection.

Zenk et al. 2024, "Comparative benchmarking of failure detection methods in medical image segmentation": risk is
1 - Dice, and a score is judged by the area under the risk-coverage curve (Geifman and El-Yaniv 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

FAILED_BELOW, FINE_ABOVE = 0.7, 0.85
FALSE_ALARMS = 0.08  # leaves room to one in ten, on scans that the limit was not chosen on
BINS = 6


@dataclass(frozen=True)
class Bin:
    """Predictions of similar height.

    Attributes:
        predicted, observed: their means.
        low, high: 95 % bootstrap interval of the observed mean, whole groups drawn.
        count: how many.
    """

    predicted: float
    observed: float
    low: float
    high: float
    count: int


def risk_coverage(score: np.ndarray, dice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean risk of the segmentations that are kept when those with the lowest scores are sent to a person.

    Args:
        score: (n,), higher is better.
        dice: (n,).

    Returns:
        Coverage, rising to 1, and mean risk, (n,) each; segmentations of one score are kept in their mean order.
    """
    order = np.argsort(-score, kind="stable")
    risk = 1 - dice[order]
    # Ties are in no order: each has the mean risk of its group.
    _, group, sizes = np.unique(-score[order], return_inverse=True, return_counts=True)
    risk = (np.bincount(group, risk) / sizes)[group]
    number = np.arange(1, len(risk) + 1)
    return number / len(risk), np.cumsum(risk) / number


def aurc(score: np.ndarray, dice: np.ndarray) -> float:
    """Area under the risk-coverage curve: mean over all coverages; lower is better.

    Examples:
        >>> float(aurc(np.array([0.9, 0.1]), np.array([1.0, 0.0])))
        0.25
    """
    return float(risk_coverage(score, dice)[1].mean())


def roc_area(score: np.ndarray, failed: np.ndarray) -> float:
    """Probability that a failed segmentation has a lower score than another one, ties counted half; NaN without both.

    Examples:
        >>> roc_area(np.array([0.1, 0.6, 0.5, 0.9]), np.array([True, True, False, False]))
        0.75
    """
    bad, fine = int(failed.sum()), int((~failed).sum())
    if not bad or not fine:
        return float("nan")
    ranks = rankdata(-score)[failed].sum()
    return float((ranks - bad * (bad + 1) / 2) / (bad * fine))


def look_below(score: np.ndarray, dice: np.ndarray, false_alarms: float = FALSE_ALARMS) -> float:
    """The highest limit below which at most that share of the fine segmentations lie.

    Args:
        score, dice: (n,).
        false_alarms: of the segmentations with a Dice above `FINE_ABOVE`.
    """
    fine = np.sort(score[dice > FINE_ABOVE])
    return float(fine[int(false_alarms * len(fine))]) if len(fine) else 1.0


def caught(score: np.ndarray, dice: np.ndarray, limit: float) -> tuple[float, float]:
    """Shares of the failed, and of the fine segmentations, with a score below a limit; NaN where there are none."""
    flagged = score < limit
    groups = dice < FAILED_BELOW, dice > FINE_ABOVE
    failed, fine = (float(flagged[group].mean()) if group.any() else float("nan") for group in groups)
    return failed, fine


def calibration(score: np.ndarray, dice: np.ndarray, groups: np.ndarray, *, resamples: int = 1000,
                seed: int = 0) -> list[Bin]:
    """Predicted against observed Dice, in bins of equally many predictions.

    Args:
        score, dice: (n,).
        groups: (n,), what belongs together, such as the case: the bootstrap draws whole ones.
        resamples, seed: of the bootstrap.
    """
    random = np.random.default_rng(seed)
    names, number = np.unique(groups, return_inverse=True)
    drawn = np.array([np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))
                      for _ in range(resamples)])
    return [_bin(score[part], dice[part], number[part], drawn)
            for part in np.array_split(np.argsort(score, kind="stable"), BINS) if len(part)]


def _bin(score: np.ndarray, dice: np.ndarray, group: np.ndarray, drawn: np.ndarray) -> Bin:
    counts = np.bincount(group, minlength=drawn.shape[1])
    sums = np.bincount(group, dice, minlength=drawn.shape[1])
    total = drawn @ counts
    means = (drawn @ sums)[total > 0] / total[total > 0]
    low, high = np.percentile(means, [2.5, 97.5])
    return Bin(float(score.mean()), float(dice.mean()), float(low), float(high), len(score))
