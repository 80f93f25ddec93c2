"""Class probabilities averaged over neighbouring slices, by distance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from MISTKDSegmentLib.inference.smoothing import smooth


def logits_of(*probabilities: float) -> list[np.ndarray]:
    """Slices of one pixel with two classes, from the probability of the second."""
    return [np.log(np.array([[[1 - p]], [[p]]], np.float32)) for p in probabilities]


def smoothed(spacing_mm: float, reach_mm: float, *probabilities: float) -> list[float]:
    slices = ((k * spacing_mm, logits) for k, logits in enumerate(logits_of(*probabilities)))
    return [float(np.exp(log[1, 0, 0])) for log in smooth(slices, reach_mm)]


def test_neighbours_at_half_the_reach_count_half():
    # 0.25, 0.5, 0.25 inside; two thirds and one third at the ends.
    assert smoothed(3.0, 6.0, 0.2, 0.8, 0.4) == pytest.approx([0.4, 0.55, 0.8 / 3 + 0.4 * 2 / 3])


def test_slices_at_the_reach_do_not_count():
    assert smoothed(5.0, 5.0, 0.2, 0.8, 0.4) == pytest.approx([0.2, 0.8, 0.4])


def test_more_slices_count_where_they_are_closer():
    # Weights 1, 2/3 and 1/3 at distances of 0, 1 and 2 mm.
    weights = np.array([1, 2, 3, 2, 1]) / 9
    assert smoothed(1.0, 3.0, 0.1, 0.9, 0.5, 0.3, 0.2)[2] == pytest.approx(weights @ [0.1, 0.9, 0.5, 0.3, 0.2])


def test_a_lone_slice_keeps_its_probabilities():
    assert smoothed(3.0, 6.0, 0.3) == pytest.approx([0.3])


def test_without_reach_logits_pass_unchanged():
    slices = logits_of(0.2, 0.7)
    assert all(a is b for a, b in zip(slices, smooth(enumerate(slices), 0.0)))


def test_slices_come_as_soon_as_they_can():
    taken = []

    def slices():
        for k, logits in enumerate(logits_of(*[0.5] * 6)):
            taken.append(k)
            yield 3.0 * k, logits

    stream = smooth(slices(), 6.0)
    next(stream)
    assert taken == [0, 1, 2]


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=12), st.floats(0.5, 10), st.floats(0.1, 30))
def test_every_slice_gets_a_mean_of_what_is_around(probabilities, spacing_mm, reach_mm):
    found = smoothed(spacing_mm, reach_mm, *probabilities)
    assert len(found) == len(probabilities)
    assert min(probabilities) - 1e-4 <= min(found) <= max(found) <= max(probabilities) + 1e-4
