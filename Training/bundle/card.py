"""The model card of a bundle: `README.md`, generated from `model.json` and never typed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.model.bundle import DESCRIPTION_FILE, PostProcessing
from Training.engine.provenance import trained_among
from Training.engine.recipe import TERMS
from Training.evaluation.metrics import PROTOCOLS
from Training.system.files import write_text
from Training.system.markdown import digits, interval, render
from Training.system.words import spaced

CARD_FILE = "README.md"
# Bootstrap intervals of fewer cases are too narrow.
FEW_CASES = 10


def write_card(folder: Path) -> None:
    """Write the card of a bundle beside its `model.json`.

    Raises:
        OutputError: if it cannot be written.
    """
    description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    write_text(folder / CARD_FILE, card(description, sorted(path.name for path in folder.glob("*.png"))))


def card(description: Mapping[str, Any], pictures: Sequence[str] = ()) -> str:
    """The card as Markdown; what the description does not say is left out.

    Args:
        description: content of `model.json`.
        pictures: names of the PNG files beside it.
    """
    provenance, results = description["provenance"], description["results"]
    other = _other_network(description)
    return render(
        "bundle/card.md.j2", **description, pictures=pictures, protocols=PROTOCOLS, few_cases=FEW_CASES,
        figures=_figures, flattering=flattery(results.get("cases", ()), {**provenance, **other}), other=other,
        other_in_short=_other_in_short(other), intervals=_intervals(results), presence=_presence(results),
        rules=_rules(description), terms=_terms(provenance.get("recipe", {})), minutes=_minutes(provenance),
        steps_before=[start["steps"] for start in _starts(provenance) if "steps" in start],
        reach_mm=max(abs(offset) for offset in description["input"]["context_offsets_mm"]),
    )


def rule_in_words(rule: PostProcessing) -> str:
    """A post-processing as one phrase.

    Examples:
        >>> rule_in_words(PostProcessing(minimum_ml=0.5, fill_holes=True))
        'drop parts below 0.5 mL but for the largest, fill holes'
        >>> rule_in_words(PostProcessing(largest_component=True, logit_offset=0.5))
        'logit +0.5, keep the largest part alone'
    """
    steps = [f"logit {rule.logit_offset:+g}"] if rule.logit_offset else []
    steps += ["keep the largest part alone"] if rule.largest_component else []
    steps += [f"drop parts below {rule.minimum_ml:g} mL but for the largest"] if rule.minimum_ml else []
    return ", ".join([*steps, *(["fill holes"] if rule.fill_holes else [])]) or "nothing"


def flattery(measured: Iterable[str], provenance: Mapping[str, Any]) -> list[str]:
    """Sentences about what makes the figures flatter the model, as far as that is known.

    Args:
        measured: names of the cases that it was measured on.
        provenance: of the model.
    """
    trained = trained_among(measured, provenance)
    chosen_on = provenance.get("postprocessing", {}).get("cases") or ()
    items = [f"It was trained on {', '.join(trained)}, where it was measured as well."] if trained else []
    if set(measured) & set(chosen_on):
        items.append("The post-processing was chosen on cases it was measured on, which makes the figures a little "
                     "too good.")
    return items


def _other_network(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """The provenance of the network that was measured, as far as known; empty where it was the bundle's own."""
    measured = description["provenance"].get("measured", {})
    scored = description["results"].get("bundle", {}).get("sha256")
    return measured if scored != description["sha256"] and scored == measured.get("sha256") else {}


def _other_in_short(other: Mapping[str, Any]) -> dict[str, Any]:
    said = {"seed": other.get("recipe", {}).get("seed"), "steps": other.get("steps"),
            "steps before": _sum_of("steps", _starts(other)), **{key: other.get(key) for key in ("minutes", "commit")}}
    return {what: value for what, value in said.items() if value is not None}


def _figures(published: Mapping[str, Any], honest: Mapping[str, Any]) -> str:
    """The cells of one row of results."""
    return " | ".join([digits(published["dice"], 3), digits(published["hd95_voxels"], 1), digits(honest["dice"], 3),
                       digits(honest["hd95_mm"], 1), digits(honest["surface_dice_2mm"], 3)])


def _intervals(results: Mapping[str, Any]) -> list[str]:
    ends = {protocol: results.get(protocol, {}).get("mean_dice_ci95", (None,)) for protocol in PROTOCOLS}
    return [f"{interval(both)} (`{protocol}`)" for protocol, both in ends.items() if both[0] is not None]


def _presence(results: Mapping[str, Any]) -> list[str]:
    counts = results.get("millimetre", {}).get("counts", {})
    return [f"{spaced(organ)} {kind} in {number}" for organ, kinds in counts.items()
            for kind, number in kinds.items() if kind != "both" and number]


def _rules(description: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, float]]]:
    """Organ, rule in words and what it earned."""
    earned = description["provenance"].get("postprocessing", {}).get("organs", {})
    return [(organ, rule_in_words(PostProcessing(**rule)), earned.get(organ, {}))
            for organ, rule in description["postprocessing"].items()]


def _terms(recipe: Mapping[str, Any]) -> list[str]:
    """Terms of the distillation with their weights."""
    weights = recipe.get("distillation") or {
        key.removesuffix("_weight"): value for key, value in recipe.items() if key.endswith("_weight")}
    terms = [f"{term} term x {weights[term]:g}" for term in TERMS if weights.get(term)]
    return [*terms, "on unlabelled slices alone"] if terms and weights.get("labelled_weight") == 0 else terms


def _starts(provenance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Facts of the network that one went on from, of the one before that, and so on."""
    start = provenance.get("start")
    return [start, *_starts(start)] if start else []


def _sum_of(what: str, starts: Sequence[Mapping[str, Any]]) -> float | None:
    known = starts and all(what in start for start in starts)
    return round(sum(start[what] for start in starts), 1) if known else None


def _minutes(provenance: Mapping[str, Any]) -> dict[str, float]:
    said = {"teacher": provenance.get("teacher", {}).get("minutes", provenance.get("teacher_minutes")),
            "what it went on from": _sum_of("minutes", _starts(provenance)),
            "student": provenance.get("minutes", provenance.get("student_minutes"))}
    return {who: value for who, value in said.items() if value is not None}
