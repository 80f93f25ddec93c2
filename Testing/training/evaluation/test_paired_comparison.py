"""Paired comparison on numbers that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import wilcoxon

from Training.evaluation.paired_comparison import OVERALL, compare_all, pair, signed_rank_p, smallest_p


def cases(metric="dice", protocol="millimetre", **organs):
    """"cases" of a results.json: organ -> one value per case; None stands for absent, "lost" for no distance."""
    number = len(next(iter(organs.values())))
    return {f"case{n}": {"organs": {
        organ: {"presence": "absent" if values[n] is None else "both",
                protocol: {metric: None if values[n] == "lost" else values[n]}}
        for organ, values in organs.items()}} for n in range(number)}


def compared(first, second, metric="dice"):
    return compare_all(pair(cases(metric, **first), cases(metric, **second), "millimetre", metric))


def test_means_wins_and_worst_case():
    liver = compared({"liver": [0.8, 0.9, 0.7]}, {"liver": [0.9, 0.85, 0.7]})["liver"]
    assert (liver.first, liver.second) == pytest.approx((0.8, 2.45 / 3))
    assert liver.difference == pytest.approx(0.05 / 3)
    assert (liver.cases, liver.wins, liver.losses, liver.ties) == (3, 1, 1, 1)
    assert liver.worst_case == "case1"
    assert liver.worst_difference == pytest.approx(-0.05)


def test_overall_difference():
    result = compared({"liver": [0.8, 0.6], "spleen": [0.5, 0.5]}, {"liver": [0.9, 0.7], "spleen": [0.5, 0.9]})
    assert result[OVERALL].difference == pytest.approx((0.1 + 0.2) / 2)
    assert result[OVERALL].wins == 2


def test_interval_draws_cases():
    # Gains and losses of the two organs cancel in every case.
    result = compared({"liver": [0.5, 0.5], "spleen": [0.5, 0.5]}, {"liver": [0.7, 0.3], "spleen": [0.3, 0.7]})
    assert result[OVERALL].interval == pytest.approx((0.0, 0.0), abs=1e-12)
    assert result["liver"].interval == pytest.approx((-0.2, 0.2))


def test_smallest_p_of_four_cases():
    result = compared({"liver": [0.1, 0.2, 0.3, 0.4]}, {"liver": [0.2, 0.4, 0.6, 0.8]})["liver"]
    assert result.p == result.smallest_p == smallest_p(4) == 0.125


def test_p_by_hand():
    # Ranks 1 (lost), 2, 3, 4: of the 16 assignments of signs, 2 have a rank sum of losses of 0 or 1; two-sided 4/16.
    assert signed_rank_p(np.array([-0.1, 0.2, 0.3, 0.4])) == pytest.approx(0.25)


def test_equal_differences_share_their_ranks():
    # Ranks 1.5, 1.5, 3 and one of the first two lost: 3 of 8 assignments lose 1.5 or less; two-sided 6/8.
    assert signed_rank_p(np.array([0.1, -0.1, 0.2])) == pytest.approx(0.75)


def test_p_of_many_cases():
    gains = np.random.default_rng(0).normal(0.02, 0.05, 12)
    assert signed_rank_p(gains) == pytest.approx(wilcoxon(gains, method="exact").pvalue)
    more = np.random.default_rng(0).normal(0.02, 0.05, 40)
    assert signed_rank_p(more) == pytest.approx(wilcoxon(more, method="exact").pvalue, abs=0.01)


def test_no_difference_says_nothing():
    assert signed_rank_p(np.array([0.0, 0.0, 0.2, 0.3, 0.4])) == signed_rank_p(np.array([0.2, 0.3, 0.4])) == 0.25
    assert signed_rank_p(np.zeros(5)) == 1.0
    assert signed_rank_p(np.array([0.0, 0.3])) == 1.0
    assert math.isnan(signed_rank_p(np.empty(0)))


@pytest.mark.parametrize(("number", "expected"), [(0, 1.0), (1, 1.0), (2, 0.5), (4, 0.125), (12, 2**-11)])
def test_smallest_p_halves(number, expected):
    assert smallest_p(number) == expected


def test_inventing_is_a_loss():
    result = compared({"gallbladder": [None, 0.5]}, {"gallbladder": [0.0, 0.5]})["gallbladder"]
    assert (result.cases, result.wins, result.losses) == (2, 0, 1)
    assert result.worst_difference == -1.0


def test_absent_organ_is_not_compared():
    result = compared({"gallbladder": [None, 0.5]}, {"gallbladder": [None, 0.6]})["gallbladder"]
    assert (result.cases, result.wins) == (1, 1)


def test_shorter_distances_win():
    result = compared({"liver": [10.0, "lost", 4.0]}, {"liver": [5.0, 3.0, 6.0]}, "hd95_mm")["liver"]
    assert (result.cases, result.wins, result.losses) == (2, 1, 1)
    assert result.difference == pytest.approx(-1.5)
    assert (result.worst_case, result.worst_difference) == ("case2", 2.0)


def test_no_pair_is_undefined():
    result = compared({"liver": [0.5], "spleen": [None]}, {"liver": [0.5], "spleen": [None]})
    assert (result["spleen"].cases, result["spleen"].worst_case) == (0, None)
    assert math.isnan(result["spleen"].p)
    assert result[OVERALL].cases == 1
