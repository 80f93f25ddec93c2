"""How good each organ of a result is likely to be, and why, from what was measured and what the network says."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Optional

from MISTKDSegmentLib.inference.signals import OrganSignals, Signals
from MISTKDSegmentLib.model.bundle import Bundle
from MISTKDSegmentLib.model.confidence import Confidence, Typical
from MISTKDSegmentLib.report.quality import GOOD, Quality
from MISTKDSegmentLib.report.table import OrganRow

UNCLEAR_BORDER = "border unclear"
REASONS = {
    "soft_dice": UNCLEAR_BORDER, "soft_dice_odds": UNCLEAR_BORDER, "neighbours": "changes from slice to slice",
    "others": "may belong to the organs beside it", "hu": "unusually bright or dark beside the others",
    "small": "less of it than usual", "partner": "smaller than on the other side",
}
MAY_BE_THERE = "may be there all the same"
_MOST_REASONS, _LEAST_EFFECT = 2, 0.1  # log odds
_LOWEST = 0.01  # share whose log odds are those of 0
_FARTHEST = 4.0  # standard deviations; more are no worse


def judged(rows: Sequence[OrganRow], bundle: Bundle, signals: Optional[Signals]) -> tuple[OrganRow, ...]:
    """Rows with their quality, as far as the bundle was calibrated for it.

    Args:
        rows: what was measured.
        bundle: the model.
        signals: what it said besides the labels; None where nobody listened.
    """
    confidence = bundle.confidence
    if confidence is None or signals is None:
        return tuple(rows)
    heard = organ_signals(rows, bundle, signals)
    return tuple(replace(row, quality=_quality(row, rows, heard, confidence))
                 if row.label.name in confidence.organs else row for row in rows)


def organ_signals(rows: Sequence[OrganRow], bundle: Bundle, signals: Signals) -> dict[str, OrganSignals]:
    """The signals of each row's organ, by name."""
    return {row.label.name: signals.of_class(bundle.labels.index(row.label) + 1) for row in rows}


def features(row: OrganRow, rows: Sequence[OrganRow], heard: Mapping[str, OrganSignals],
             organs: Mapping[str, Typical]) -> dict[str, float]:
    """What speaks for or against an organ that was found, by the names in `confidence.SIGNALS`.

    Args:
        row: of the organ.
        rows: of all organs.
        heard: signals by organ.
        organs: what the training patients had of each.
    """
    own, typical = heard[row.label.name], organs[row.label.name]
    size = (math.log(max(row.volume_ml, 1e-3)) - typical.log_ml) / typical.log_ml_sd
    # Contrast medium changes most organs: what counts is another change than that of the others.
    brighter = {other.label.name: other.mean_hu - organs[other.label.name].hu for other in rows
                if other.mean_hu is not None and other.label.name in organs}
    apart = abs(brighter.get(row.label.name, 0.0) - statistics.median(brighter.values() or [0.0])) / typical.hu_sd
    return {
        "soft_dice": own.soft_dice,
        "soft_dice_odds": log_odds(own.soft_dice),
        "neighbours": own.neighbours,
        "others": own.others,
        "hu": min(apart, _FARTHEST),
        # Of an organ that the scan cuts, less is no sign.
        "small": 0.0 if row.is_cut else min(max(-size, 0.0), _FARTHEST),
        "partner": _less_than_partner(row, rows),
    }


def absence_features(own: OrganSignals, typical: Typical) -> dict[str, float]:
    """What speaks against the absence of an organ that was not found, by the names in `confidence.ABSENCE_SIGNALS`."""
    return {"peak": log_odds(own.peak), "mass": math.log(max(own.mass_ml, 1e-3)) - typical.log_ml}


def log_odds(share: float) -> float:
    """log(p / (1 - p)) of a share, which is moved away from 0 and 1."""
    share = min(max(share, _LOWEST), 1 - _LOWEST)
    return math.log(share / (1 - share))


def _less_than_partner(row: OrganRow, rows: Sequence[OrganRow]) -> float:
    """Logarithm of how much larger the same organ of the other side is; 0 where it is not, or one of them is cut."""
    for other in rows:
        is_partner = other.label.type == row.label.type and other.label.modifier != row.label.modifier
        if is_partner and other.voxels and row.voxels and not (other.is_cut or row.is_cut):
            return max(math.log(other.volume_ml / row.volume_ml), 0.0)
    return 0.0


def _quality(row: OrganRow, rows: Sequence[OrganRow], heard: Mapping[str, OrganSignals],
             confidence: Confidence) -> Quality:
    name = row.label.name
    own = heard[name]
    if not row.voxels:
        score = confidence.absence(absence_features(own, confidence.organs[name]))
        word = confidence.word(score)
        return Quality(word, score, False, () if word == GOOD else (MAY_BE_THERE,), own.least_sure_lps)
    seen = features(row, rows, heard, confidence.organs)
    score = confidence.dice(name, seen)
    word = confidence.word(score)
    return Quality(word, score, True, () if word == GOOD else _reasons(seen, own, confidence), own.least_sure_lps)


def _reasons(seen: Mapping[str, float], own: OrganSignals, confidence: Confidence) -> tuple[str, ...]:
    """What takes most from the log odds, worst first."""
    effects: dict[str, float] = {}
    for name, term in confidence.terms.items():
        effects[REASONS[name]] = effects.get(REASONS[name], 0.0) + term.of(seen[name])
    worst = [reason for reason in sorted(effects, key=effects.__getitem__) if effects[reason] < -_LEAST_EFFECT]
    return tuple(f"{reason} on {own.unclear_slices} of {own.slices} slices"
                 if reason == UNCLEAR_BORDER and own.unclear_slices else reason for reason in worst[:_MOST_REASONS])
