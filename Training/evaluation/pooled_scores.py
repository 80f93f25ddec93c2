"""Scores of a cross-validation: every fold's cases together, as if one model had been scored on all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.atomic import atomic_path
from Training.evaluation.comparison import read_results
from Training.evaluation.metrics import METRICS, PROTOCOLS
from Training.evaluation.report import dice_figure, null_for_nan
from Training.evaluation.scores import CaseScores, summarise
from Training.system.files import make_folder, write_json, write_text
from Training.system.markdown import digits, interval, render, table
from Training.system.words import counted, spaced

# (protocol, metric, heading, digits)
COLUMNS = (("transunet", "dice", "Dice (`transunet`)", 3), ("transunet", "hd95_voxels", "HD95 (voxels)", 1),
           ("millimetre", "dice", "Dice (`millimetre`)", 3), ("millimetre", "hd95_mm", "HD95 (mm)", 1),
           ("millimetre", "surface_dice_2mm", "surface Dice at 2 mm", 3))


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """What a cross-validation found.

    Attributes:
        results: scores of all cases of the folds that are done, by the network's name; the first comes with distances.
        folds: names of all cases.
        done: numbers of the folds that the scores are of.
        recipe: of every fold, in plain types.
        trainings: number of a fold -> "commits" and "hardware" of its training.
        beside: results.json of one split, to be shown beside.
        colors: organ -> RGB, 0 to 255.
    """

    results: Mapping[str, Sequence[CaseScores]]
    folds: Sequence[Sequence[str]]
    done: Sequence[int]
    recipe: Mapping[str, Any]
    trainings: Mapping[int, Mapping[str, Any]]
    beside: Mapping[str, Any] | None = None
    colors: Mapping[str, Sequence[int]] | None = None

    @property
    def fold_of(self) -> dict[str, int]:
        """Number of the fold that each case belongs to."""
        return {name: number for number, fold in enumerate(self.folds) for name in fold}


def write_pooled(folder: Path, pooled: Pooled) -> None:
    """Write crossvalidation.json, crossvalidation.md and crossvalidation.png.

    Raises:
        OutputError: a file cannot be written.
    """
    first, scores = next(iter(pooled.results.items()))
    beside = pooled.beside
    make_folder(folder)
    write_json(folder / "crossvalidation.json", null_for_nan({
        "folds": pooled.folds, "done": pooled.done, "recipe": pooled.recipe, "trainings": pooled.trainings,
        "summary": {network: summarise(found) for network, found in pooled.results.items()},
        "beside": beside and {"bundle": beside["bundle"], "cases": list(beside["cases"]),
                              "summary": beside["summary"]},
        "cases": {one.case: {"fold": pooled.fold_of[one.case], "content_sha256": one.content_sha256,
                             "dice": {network: {organ: protocols["millimetre"]["dice"]
                                                for organ, protocols in found[number].scores.items()}
                                      for network, found in pooled.results.items()}}
                  for number, one in enumerate(scores)},
    }))
    organs = organ_table(pooled.results, beside and beside["summary"],
                         f"{len(beside['cases'])} cases, one split" if beside else "")
    write_text(folder / "crossvalidation.md", render(
        "evaluation/crossvalidation.md.j2", whose=pooled_in_words(pooled.done, pooled.folds), recipe=pooled.recipe,
        folds=pooled.folds, done=pooled.done, trainings=pooled.trainings, beside=beside, organs=organs,
        patients=patient_table(pooled.results, pooled.fold_of)))
    with atomic_path(folder / "crossvalidation.png") as path:
        title = f"{first.capitalize()}, {counted(len(scores), 'patient')}, each scored by a network that never saw it"
        dice_figure(scores, title, pooled.colors).savefig(path, dpi=150)


def read_scores(path: Path) -> list[CaseScores]:
    """The scores in a results.json.

    Raises:
        InputError: it cannot be read, or its metrics are defined differently from today's.
    """
    document = read_results(path)
    if document.get("protocols") != PROTOCOLS:
        raise InputError(f"{path} was measured with other definitions than today's: delete it, and give the same "
                         "command again.")
    return [_case_scores(name, case) for name, case in document["cases"].items()]


def _case_scores(name: str, case: Mapping[str, Any]) -> CaseScores:
    organs = case["organs"]
    spacing = case["spacing_mm"]
    return CaseScores(
        case=name, seconds=case["seconds"], shape_kji=tuple(case["shape_kji"]),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        presence={organ: entry["presence"] for organ, entry in organs.items()},
        scores={organ: {protocol: {metric: _number(entry[protocol][metric]) for metric in metrics}
                        for protocol, metrics in METRICS.items()} for organ, entry in organs.items()},
        content_sha256=case["content_sha256"],
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def organ_table(results: Mapping[str, Sequence[CaseScores]], beside: Mapping[str, Any] | None = None,
                beside_name: str = "") -> str:
    """Organs by metrics, as Markdown: those of the first network with intervals, of the others Dice alone.

    Args:
        results: pooled scores by the network's name.
        beside: "summary" of another evaluation, whose Dice is shown as well.
        beside_name: its heading.
    """
    (first, ours), *others = ((name, null_for_nan(summarise(scores))) for name, scores in results.items())
    headings = ["organ", *(f"{first}: {heading}" for *_, heading, _ in COLUMNS), "95 % interval of the two Dice",
                *(f"{name}: Dice" for name, _ in others), *([f"{beside_name}: Dice"] if beside else [])]
    shown = [*(summary for _, summary in others), *([beside] if beside else [])]

    def row(name: str, organ: str | None) -> list[str]:
        cells = [digits(_part(ours[protocol], organ)[metric], count) for protocol, metric, _, count in COLUMNS]
        return [name, *cells, "; ".join(interval(_ends(ours[protocol], organ)) for protocol in METRICS),
                *(_both_dice(summary, organ) for summary in shown)]

    organs = list(ours["millimetre"]["organs"])
    return table(headings, [*(row(spaced(organ), organ) for organ in organs), row("**mean**", None)])


def _part(protocol: Mapping[str, Any], organ: str | None) -> Mapping[str, float | None]:
    return protocol["mean"] if organ is None else protocol["organs"].get(organ, {})


def _ends(protocol: Mapping[str, Any], organ: str | None) -> Sequence[float | None]:
    return protocol["mean_dice_ci95"] if organ is None else protocol["organ_dice_ci95"][organ]


def _both_dice(summary: Mapping[str, Any], organ: str | None) -> str:
    return "; ".join(digits(_part(summary[protocol], organ).get("dice"), 3) for protocol in METRICS)


def patient_table(results: Mapping[str, Sequence[CaseScores]], fold_of: Mapping[str, int]) -> str:
    """One row a patient, the worst first: its fold, and each network's mean Dice and worst organ (`millimetre`)."""
    rows = []
    for group in zip(*results.values(), strict=True):
        cells = [_mean_and_worst(scores) for scores in group]
        rows.append((cells[0][0], [group[0].case, str(fold_of[group[0].case]), *(part for _, part in cells)]))
    rows.sort(key=lambda row: row[0])
    return table(["patient", "fold", *(f"{name}: mean Dice, worst organ" for name in results)],
                 [cells for _, cells in rows])


def _mean_and_worst(scores: CaseScores) -> tuple[float, str]:
    dice = {organ: protocols["millimetre"]["dice"] for organ, protocols in scores.scores.items()}
    told = {organ: value for organ, value in dice.items() if not np.isnan(value)}
    if not told:
        return float("inf"), "-"
    worst = min(told, key=lambda organ: told[organ])
    mean = float(np.mean(list(told.values())))
    return mean, f"{mean:.3f}, {spaced(worst)} {told[worst]:.3f}"


def pooled_in_words(done: Sequence[int], folds: Sequence[Sequence[str]]) -> str:
    """Sentences about the patients that the figures are of, and what is missing."""
    patients, all_patients = sum(len(folds[number]) for number in done), sum(map(len, folds))
    if len(done) == len(folds):
        return f"Every one of {counted(all_patients, 'patient')}, in {len(folds)} folds."
    names = ", ".join(str(number) for number in done)
    return (f"{patients} of {counted(all_patients, 'patient')}: folds {names} of 0 to {len(folds) - 1}. The same "
            "command without --folds takes the rest.")
