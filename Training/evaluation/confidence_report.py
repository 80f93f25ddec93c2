"""How good the predicted quality is: figures beside those of other scores, what each signal is worth, two plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.confidence import SIGNALS
from Training.evaluation.confidence_fit import Judged, References, cross_fit
from Training.evaluation.damage import PLAIN
from Training.evaluation.failure_detection import (
    FAILED_BELOW,
    FINE_ABOVE,
    aurc,
    calibration,
    caught,
    look_below,
    risk_coverage,
    roc_area,
)
from Training.evaluation.observations import Observation, Seen
from Training.system.markdown import digits, percent, table
from Training.system.words import spaced

CONFIDENCE_PLOTS = "confidence.png"
PREDICTED, SOFT_DICE, AGREEMENT = "predicted Dice", "mean probability (expected Dice)", "agreement with "
_HEADINGS = ("score", "AURC", "ROC area", "failures caught", "false alarms", "mean error")


def scores_of(judged: Judged) -> dict[str, Judged]:
    """The predicted Dice, and scores without calibration: what the network believes, how two predictions agree."""
    scores = {PREDICTED: judged, SOFT_DICE: judged.scored_by(_belief)}
    for second in judged.seen[0].agreement if judged.seen else ():
        scores[AGREEMENT + second] = judged.scored_by(_agreement_with(second))
    return scores


def _belief(one: Observation) -> float:
    return one.signals.soft_dice if one.is_found else 1 - one.signals.peak


def _agreement_with(second: str) -> Callable[[Observation], float]:
    return lambda one: one.agreement.get(second, float("nan"))


def figures(judged: Judged) -> dict[str, Any]:
    """Figures of one score, JSON-ready.

    Returns:
        Numbers of organs and of failures, area under the risk-coverage curve and its ideal, ROC area, share of
        failures caught and of false alarms (the limit of each case chosen on the others, for fewer than one false
        alarm in ten), and mean absolute error.
    """
    score, outcome = judged.score, judged.outcome
    failed, alarms = _caught_elsewhere(judged)
    return {"organs": len(outcome), "failed": int((outcome < FAILED_BELOW).sum()), "aurc": aurc(score, outcome),
            "aurc_ideal": aurc(outcome, outcome), "roc_area": roc_area(score, outcome < FAILED_BELOW),
            "failures_caught": failed, "false_alarms": alarms, "mean_error": float(np.abs(score - outcome).mean())}


def _caught_elsewhere(judged: Judged) -> tuple[float, float]:
    """Shares caught, where the limit that a case is held against knows nothing of it."""
    cases = np.array([one.case for one in judged.seen])
    over = np.zeros(len(cases))
    for case in np.unique(cases):
        own = cases == case
        rest = own if own.all() else ~own
        over[own] = judged.score[own] - look_below(judged.score[rest], judged.outcome[rest])
    return caught(over, judged.outcome, 0.0)


def measure_confidence(judged: Judged) -> dict[str, Any]:
    """All figures, on plain and damaged scans and on plain ones alone, JSON-ready."""
    plain = judged.of(lambda one: one.damage == PLAIN)
    return {
        "cases": list(dict.fromkeys(one.case for one in judged.seen)),
        "copies": list(dict.fromkeys(one.damage for one in judged.seen)),
        "all": {name: figures(one) for name, one in scores_of(judged).items()},
        "plain": {name: figures(one) for name, one in scores_of(plain).items()},
        "calibration": [asdict(one) for one in calibration(judged.score, judged.outcome, judged.groups)],
        "by_copy": _by(judged, lambda one: one.damage),
        "by_organ": _by(judged, lambda one: one.row.label.name),
    }


def _by(judged: Judged, group: Callable[[Observation], str]) -> dict[str, dict[str, float]]:
    def failures_of(name: str) -> dict[str, float]:
        return _failures(judged.of(lambda one: group(one) == name))

    return {name: failures_of(name) for name in dict.fromkeys(map(group, judged.seen))}


def _failures(judged: Judged) -> dict[str, float]:
    return {"organs": len(judged.outcome), "failed": int((judged.outcome < FAILED_BELOW).sum()),
            "dice": float(judged.outcome.mean()), "predicted": float(judged.score.mean()),
            "mean_error": float(np.abs(judged.score - judged.outcome).mean())}


def ablation(seen: Seen, references: References) -> dict[str, dict[str, Any]]:
    """Figures without each signal, and with each alone."""
    without = {f"without {name}": [other for other in SIGNALS if other != name] for name in SIGNALS}
    alone = {f"{name} alone": [name] for name in SIGNALS}
    return {what: figures(cross_fit(seen, references, signals)) for what, signals in (without | alone).items()}


def figures_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    """Scores by figures, as Markdown."""
    return table(_HEADINGS, [[name, digits(one["aurc"], 3), digits(one["roc_area"], 3),
                              percent(one["failures_caught"]), percent(one["false_alarms"]),
                              digits(one["mean_error"], 3)] for name, one in scores.items()])


def markdown(measured: Mapping[str, Any], without: Mapping[str, Mapping[str, float]]) -> str:
    """The report of a calibration."""
    groups = {**measured["by_copy"], **measured["by_organ"]}
    rows = [[spaced(name), str(one["organs"]), str(one["failed"]), digits(one["dice"], 3), digits(one["predicted"], 3),
             digits(one["mean_error"], 3)] for name, one in groups.items()]
    return "\n\n".join([
        "# Predicted quality",
        f"Failed: Dice below {FAILED_BELOW}. False alarms: of organs with a Dice above {FINE_ABOVE}.",
        "## Plain and damaged scans", figures_table(measured["all"]),
        "## Plain scans", figures_table(measured["plain"]),
        *(["## Signals", figures_table(without)] if without else []),
        "## By copy and by organ",
        table(("copy or organ", "organs", "failed", "mean Dice", "predicted", "mean error"), rows)]) + "\n"


def write_plots(judged: Judged, path: Path) -> None:
    """Write calibration plot and risk-coverage curves as PNG.

    Raises:
        OutputError: it cannot be written.
    """
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_calibration(left, judged)
    _draw_risk(right, judged)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _draw_calibration(axes: Axes, judged: Judged) -> None:
    bins = calibration(judged.score, judged.outcome, judged.groups)
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    axes.scatter(judged.score, judged.outcome, s=5, color="tab:blue", alpha=0.25, linewidths=0)
    axes.errorbar([one.predicted for one in bins], [one.observed for one in bins],
                  [[one.observed - one.low for one in bins], [one.high - one.observed for one in bins]],
                  fmt="o", color="tab:orange", capsize=3, label="means with 95 % intervals")
    axes.set(xlabel="predicted Dice", ylabel="Dice", xlim=(0, 1), ylim=(0, 1), title="Calibration")
    axes.legend(loc="upper left", fontsize=8)


def _draw_risk(axes: Axes, judged: Judged) -> None:
    for name, one in scores_of(judged).items():
        if np.isfinite(one.score).all():
            axes.plot(*risk_coverage(one.score, one.outcome), label=name, linewidth=2 if name == PREDICTED else 1)
    axes.plot(*risk_coverage(judged.outcome, judged.outcome), "--", color="0.5", linewidth=1, label="ideal")
    axes.set(xlabel="organs that are kept (coverage)", ylabel="mean of 1 - Dice among them (risk)", xlim=(0, 1),
             title="Risk and coverage")
    axes.legend(loc="upper left", fontsize=8)
