"""Class scores of neighbouring slices averaged, so that organs do not flicker from slice to slice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np


def smooth(slices: Iterable[tuple[float, np.ndarray]], reach_mm: float) -> Iterator[np.ndarray]:
    """Average the class probabilities of each slice with those of the slices around it.

    A slice at a distance d counts max(0, 1 - d / reach) times as much as the slice itself: at half the reach, the
    slices above and below count half, which is 0.25, 0.5, 0.25.

    Args:
        slices: position in mm, ascending, and logits float32 (classes, h, w) of each slice.
        reach_mm: where slices count no more; 0 leaves the logits as they are.

    Yields:
        Logarithms of the averaged probabilities, float32 (classes, h, w): for each slice, as soon as all that it
        depends on have come. A lone slice keeps its logits but for a constant at each pixel.
    """
    if reach_mm <= 0:
        for _, logits in slices:
            yield logits
        return
    near: deque[tuple[float, np.ndarray]] = deque()
    waiting = 0  # how many at the end of `near` have not been yielded
    for position, logits in slices:
        while waiting and position - near[-waiting][0] >= reach_mm:
            yield _mean(near, len(near) - waiting, reach_mm)
            waiting -= 1
        near.append((position, _probabilities(logits)))
        waiting += 1
        while near[-waiting][0] - near[0][0] >= reach_mm:
            near.popleft()
    for number in range(len(near) - waiting, len(near)):
        yield _mean(near, number, reach_mm)


def _mean(near: deque[tuple[float, np.ndarray]], number: int, reach_mm: float) -> np.ndarray:
    total, weights = np.zeros_like(near[number][1]), 0.0
    for position, probabilities in near:
        weight = 1 - abs(position - near[number][0]) / reach_mm
        if weight > 0:
            total += np.float32(weight) * probabilities
            weights += weight
    return np.log(np.maximum(total / np.float32(weights), np.finfo(np.float32).tiny))


def _probabilities(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(0))
    return powers / powers.sum(0)
