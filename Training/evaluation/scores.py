"""Scores of a model: case by case through the code that ships, and summed up with intervals."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.model.bundle import Bundle
from MISTKDSegmentLib.model.labels import Label
from Training.data.prepared import IGNORE
from Training.data.scans import Scan
from Training.evaluation.metrics import METRICS, millimetre, presence, transunet

UNKNOWN = "unknown"
PRESENCES = ("both", "missed", "invented", "absent", UNKNOWN)
BOOTSTRAP_RESAMPLES = 2000
BOOTSTRAP_SEED = 0

Advance = Callable[[int, int], None]
Show = Callable[[Volume, np.ndarray, np.ndarray], None]


@dataclass(frozen=True)
class CaseScores:
    """Scores of one case.

    Attributes:
        case: name of the case.
        seconds: wall-clock time of the segmentation alone, without reading and scoring.
        shape_kji: shape of the scan.
        spacing_mm: spacing of the scan along i, j and k.
        presence: organ -> "both", "missed", "invented", "absent", or "unknown" where the reference does not
            annotate it.
        scores: organ -> protocol -> metric -> value (NaN where undefined).
        content_sha256: of the scan's voxels and what its reference says; see `content_sha256`.
    """

    case: str
    seconds: float
    shape_kji: tuple[int, ...]
    spacing_mm: tuple[float, float, float]
    presence: dict[str, str]
    scores: dict[str, dict[str, dict[str, float]]]
    content_sha256: str


def score_cases(scans: Sequence[Scan], bundle: Bundle, *, threads: int = 0) -> list[CaseScores]:
    """Score scans one after the other.

    Args:
        scans: opened for `bundle.labels`.
        bundle: the model.
        threads: of onnxruntime; 0 lets it choose.

    Raises:
        InputError: a scan or its reference cannot be used; the sentence names the case.
    """
    organs = annotated_organs(scans, bundle.labels)
    return [score_case(scan, bundle, organs, threads=threads) for scan in scans]


def score_case(
    scan: Scan,
    bundle: Bundle,
    organs: Sequence[Label],
    *,
    threads: int = 0,
    advance: Advance | None = None,
    show: Show | None = None,
) -> CaseScores:
    """Segment one scan as the product does and score it in both protocols.

    Args:
        scan: opened for `bundle.labels`.
        bundle: the model.
        organs: what to score; those that the scan's reference does not annotate have no scores.
        threads: threads of onnxruntime; 0 lets it choose.
        advance: called with (slices done, slices in all) while the segmentation runs.
        show: called with the scan, its labels and its reference in channel numbers.

    Raises:
        InputError: the scan or its reference cannot be used; the sentence names the case.
    """
    volume, reference = read_labelled(scan)
    start = time.perf_counter()
    labels = segmented(volume, bundle, threads=threads, advance=advance)
    seconds = time.perf_counter() - start
    if show is not None:
        show(volume, labels, reference)
    valid = reference != IGNORE
    found, scores = {}, {}
    for organ in organs:
        if organ.name not in scan.annotated:
            found[organ.name], scores[organ.name] = UNKNOWN, undefined_scores()
            continue
        prediction = (labels == organ.value) & valid
        real = reference == channel_of(organ, bundle.labels)
        found[organ.name] = presence(prediction, real)
        scores[organ.name] = {"transunet": transunet(prediction, real),
                              "millimetre": millimetre(prediction, real, volume.spacing_mm)}
    return CaseScores(scan.name, seconds, volume.voxels.shape, volume.spacing_mm, found, scores,
                      content_sha256(volume.voxels, _by_organ_name(scan, reference, bundle.labels)))


def content_sha256(*arrays: np.ndarray) -> str:
    """Checksum of arrays: their bytes, shapes and types."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _by_organ_name(scan: Scan, reference: np.ndarray, labels: Sequence[Label]) -> np.ndarray:
    """A reference numbered by the organs' names: the channels of models of the same organs may differ."""
    numbers = np.zeros(256, np.uint8)
    for number, organ in enumerate(sorted((label for label in labels if label.name in scan.annotated),
                                          key=lambda label: label.name), 1):
        numbers[channel_of(organ, labels)] = number
    numbers[IGNORE] = IGNORE
    return numbers[reference]


def read_labelled(scan: Scan) -> tuple[Volume, np.ndarray]:
    """A scan and its reference in channel numbers.

    Raises:
        InputError: one of them cannot be used; the sentence names the case.
    """
    try:
        volume = scan.read_volume()
        return volume, scan.read_reference(volume)
    except InputError as error:
        raise InputError(f"Case {scan.name}: {error}") from error


def segmented(volume: Volume, bundle: Bundle, *, threads: int = 0, advance: Advance | None = None) -> np.ndarray:
    """Labels (k, j, i) of a scan, as the product segments it."""
    labels = np.zeros(volume.voxels.shape, np.uint8)
    for progress in segment(volume, bundle, labels, SegmentOptions(threads=threads)):
        if advance is not None:
            advance(progress.slices_done, progress.slices_total)
    return labels


def annotated_organs(scans: Sequence[Scan], labels: Sequence[Label]) -> list[Label]:
    """The organs that the reference of at least one scan annotates."""
    return [label for label in labels if any(label.name in scan.annotated for scan in scans)]


def channel_of(organ: Label, labels: Sequence[Label]) -> int:
    """Number of an organ in a reference: its position among the model's labels, from 1."""
    return [label.name for label in labels].index(organ.name) + 1


def undefined_scores() -> dict[str, dict[str, float]]:
    """Protocol -> metric -> NaN."""
    return {protocol: dict.fromkeys(metrics, float("nan")) for protocol, metrics in METRICS.items()}


def summarise(results: Sequence[CaseScores]) -> dict[str, dict[str, Any]]:
    """Means per organ and over organs for each protocol.

    An organ's mean goes over the cases where the metric is defined; the overall mean goes over the organs'
    means, so that each organ counts the same however often it is there.

    Returns:
        Protocol -> "organs" (organ -> metric -> mean), "mean" (metric -> mean), "mean_dice_ci95" (lower, upper) and
        "organ_dice_ci95" (organ -> the same); in `millimetre` also "counts" (organ -> presence -> cases). NaN where
        nothing is defined.
    """
    summary = {protocol: summarise_protocol(results, protocol) for protocol in METRICS}
    summary["millimetre"]["counts"] = {
        organ: {kind: Counter(result.presence[organ] for result in results)[kind] for kind in PRESENCES}
        for organ in results[0].presence
    }
    return summary


def summarise_protocol(results: Sequence[CaseScores], protocol: str) -> dict[str, Any]:
    """Entries of `summarise` for one protocol, without the counts."""
    organs, metrics = list(results[0].scores), METRICS[protocol]
    dice = score_table(results, protocol, "dice")
    means = {metric: mean_of_defined(score_table(results, protocol, metric), axis=0) for metric in metrics}
    return {
        "organs": {organ: {metric: float(means[metric][column]) for metric in metrics}
                   for column, organ in enumerate(organs)},
        # The mean volume of a liver and an aorta says nothing.
        "mean": {metric: float(mean_of_defined(means[metric], axis=0)) for metric in metrics
                 if not metric.endswith("_ml")},
        "mean_dice_ci95": bootstrap_interval(dice),
        "organ_dice_ci95": {organ: bootstrap_interval(dice[:, [column]]) for column, organ in enumerate(organs)},
    }


def mean_dice(results: Sequence[CaseScores]) -> float:
    """Mean over organs of the mean over cases of Dice in the `millimetre` protocol."""
    return float(summarise_protocol(results, "millimetre")["mean"]["dice"])


def score_table(results: Sequence[CaseScores], protocol: str, metric: str) -> np.ndarray:
    """Values as an array (cases, organs)."""
    return np.array([[scores[protocol][metric] for scores in result.scores.values()] for result in results])


def bootstrap_interval(scores: np.ndarray, *, seed: int = BOOTSTRAP_SEED,
                       resamples: int = BOOTSTRAP_RESAMPLES) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean over organs of the mean over cases.

    Whole cases are drawn, because organs of one patient are not independent. With fewer than about ten
    cases the interval is too narrow.

    Args:
        scores: array (cases, organs), NaN where undefined.
        seed: seed of the draws.
        resamples: number of draws.

    Returns:
        Lower and upper end; NaN for fewer than two cases and where nothing is defined.
    """
    cases = len(scores)
    if cases < 2:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(0, cases, (resamples, cases))
    means = mean_of_defined(mean_of_defined(scores[drawn], axis=1), axis=1)
    means = means[~np.isnan(means)]
    if not means.size:
        return float("nan"), float("nan")
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def mean_of_defined(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is not NaN; NaN where everything is."""
    count = (~np.isnan(values)).sum(axis)
    return np.where(count > 0, np.nansum(values, axis) / np.maximum(count, 1), np.nan)
