"""Give a bundle trained on all cases the post-processing, figures and calibration of the one that was measured."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.bundle import Bundle, load_bundle
from Training.bundle.description import read_description, update_description
from Training.bundle.export import copy_picture
from Training.cli.command import parse, run_command, script_parser
from Training.evaluation.confidence_report import CONFIDENCE_PLOTS
from Training.system.files import check_folder
from Training.system.words import listed

PARTS = ("training", "unlabelled", "validation")
SCHEDULES = ("teacher_schedule", "student_schedule", "distillation")
# In these, two networks of one recipe may differ: the last goes on from the measured one, for a shorter time.
NOT_COMPARED = ("seed", "training", "validation", "teacher_start", "student_start", *SCHEDULES)


class _History(NamedTuple):
    """Recipe and cases of a bundle's training.

    Attributes:
        recipe: entries by name.
        data: names of the cases, by the names in `PARTS`.
    """

    recipe: dict[str, Any]
    data: dict[str, list[str]]


def adopt(folder: Path, measured: Path) -> Bundle:
    """Write post-processing, figures, calibration and learning curves of one bundle into another.

    No case is left to choose or measure anything on when all are trained on. The card says whose figures they are.

    Args:
        folder: bundle to release; its `model.json`, card and curves are changed.
        measured: bundle of the same recipe whose validation cases were left out of the training.

    Returns:
        The changed bundle.

    Raises:
        BundleError: one of them cannot be used.
        InputError: they are one network, are of different organs, inputs, sizes or recipes, do not say what they were
            trained on, the second was not measured itself, or the first was not trained on all cases of both.
        OutputError: a file cannot be written.
    """
    released, scored = load_bundle(folder), load_bundle(measured)
    ours, theirs = _history(released), _history(scored)
    _check_same_recipe(released, scored, ours.recipe, theirs.recipe)
    _check_own_figures(scored)
    _check_cases(released, scored, ours.data, theirs.data)
    description = read_description(measured)
    provenance = description["provenance"]
    adopted = {"measured": _measured(scored, theirs)}
    if copy_picture(measured, folder):
        adopted["curves"] = {"of_sha256": scored.sha256}
    adopted |= {part: provenance[part] for part in ("postprocessing", "confidence") if part in provenance}
    copy_picture(measured, folder, CONFIDENCE_PLOTS)
    entries = {key: description[key] for key in ("postprocessing", "results", "confidence") if key in description}
    update_description(folder, provenance=adopted, **entries)
    return load_bundle(folder)


def _history(bundle: Bundle) -> _History:
    recipe, data = (bundle.provenance.get(key) for key in ("recipe", "data"))
    if not recipe or not data or not all(isinstance(data.get(part), list) for part in PARTS):
        raise InputError(f"{bundle.folder} does not say by which recipe and on which cases it was trained: export its "
                         "checkpoint anew.")
    return _History(recipe, {part: data[part] for part in PARTS})


def _check_same_recipe(released: Bundle, scored: Bundle, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    both = f"{released.folder} and {scored.folder}"
    if released.sha256 == scored.sha256:
        raise InputError(f"{both} hold the same network: name the one trained on all cases and the one measured.")
    if (released.labels, released.input, released.provenance.get("parameters")) != (
            scored.labels, scored.input, scored.provenance.get("parameters")):
        raise InputError(f"{both} differ in organs, input or size: name bundles of the same recipe.")
    different = [key for key in dict.fromkeys([*ours, *theirs])
                 if key not in NOT_COMPARED and ours.get(key) != theirs.get(key)]
    if different:
        raise InputError(f"{both} were trained by different recipes ({', '.join(different)}): name bundles of the "
                         "same one.")


def _check_own_figures(scored: Bundle) -> None:
    if scored.results.get("bundle", {}).get("sha256") != scored.sha256:
        raise InputError(f"{scored.folder} has no figures of its own network: measure it with mistkd evaluate "
                         "--record.")


def _check_cases(released: Bundle, scored: Bundle, ours: dict[str, list[str]], theirs: dict[str, list[str]]) -> None:
    if ours["validation"]:
        raise InputError(f"{released.folder} was not trained on {listed(ours['validation'])}: measure it there with "
                         "mistkd evaluate --record.")
    lacking = sorted({*theirs["training"], *scored.results.get("cases", ())} - set(ours["training"]))
    if lacking:
        raise InputError(f"{released.folder} was not trained on {listed(lacking)}, on which {scored.folder} was "
                         "trained or measured: train on all cases of both.")


def _measured(scored: Bundle, history: _History) -> dict[str, Any]:
    """Facts of the network that was measured: the data and what may differ from the released one's."""
    schedule = {key: history.recipe[key] for key in ("seed", *SCHEDULES) if key in history.recipe}
    told = {key: scored.provenance[key] for key in ("commit", "steps", "minutes") if key in scored.provenance}
    # Empty where there are none, or those of the released network would stand in their place.
    before = {key: scored.provenance.get(key, {}) for key in ("start", "teacher")}
    return {"sha256": scored.sha256, "data": history.data, "recipe": schedule, **told, **before}


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = script_parser("python -m Training.releasing.adopt", __doc__, "BUNDLE --measured BUNDLE")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="model bundle trained on all cases; it is changed")
    parser.add_argument("--measured", type=Path, required=True, metavar="BUNDLE",
                        help="bundle of the same recipe, with the post-processing and the figures to take over")
    arguments = parse(parser, argv)

    def work() -> None:
        check_folder(arguments.bundle)
        bundle = adopt(arguments.bundle, arguments.measured)
        print(f"Bundle: {bundle.folder}, with the figures of {arguments.measured}")

    return run_command("python -m Training.releasing.adopt", work)


if __name__ == "__main__":
    sys.exit(main())
