"""The model card of a bundle: `README.md`, generated from `model.json` and never typed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.bundle import DESCRIPTION_FILE, PostProcessing, load_bundle
from Training.cli.command import run_command
from Training.cli.options import parse
from Training.cli.script_parser import script_parser
from Training.data.scans import counted
from Training.engine.seen_cases import seen_by
from Training.evaluation.metrics import PROTOCOLS

CARD_FILE = "README.md"
# Bootstrap intervals of fewer cases are too narrow.
FEW_CASES = 10
_COLUMNS = (("transunet", "dice", "Dice (`transunet`)", 3), ("transunet", "hd95_voxels", "HD95 (voxels)", 1),
            ("millimetre", "dice", "Dice (`millimetre`)", 3), ("millimetre", "hd95_mm", "HD95 (mm)", 1),
            ("millimetre", "surface_dice_2mm", "surface Dice at 2 mm", 3))


def write_card(folder: Path) -> None:
    """Write the card of a bundle beside its `model.json`.

    Raises:
        OutputError: if it cannot be written.
    """
    description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    pictures = sorted(path.name for path in folder.glob("*.png"))
    with atomic_path(folder / CARD_FILE) as temporary:
        temporary.write_text(card(description, pictures), encoding="utf-8")


def card(description: Mapping[str, Any], pictures: Sequence[str] = ()) -> str:
    """The card as Markdown; what the description does not say is left out.

    Args:
        description: content of `model.json`.
        pictures: names of the PNG files beside it.
    """
    sections = (
        ("", _introduction(description)),
        ("Use", _use()),
        ("Results", _results(description)),
        ("Clean-up", _cleanup(description)),
        ("Data", _data(description["provenance"].get("data", {}), description["licence"])),
        ("Training", _training(description["provenance"])),
        ("What it wants to see", _input(description["input"])),
        ("Limits", _limits(description)),
        ("Origin", _origin(description)),
        ("Pictures", [part for name in pictures for part in _picture(name, description)]),
    )
    parts = ["\n\n".join([*([f"## {title}"] if title else []), *lines]) for title, lines in sections if lines]
    return "\n\n".join(parts) + "\n"


def _picture(name: str, description: Mapping[str, Any]) -> list[str]:
    title, captions = name.removesuffix(".png"), {"curves": _curves_caption, "failures": _failures_caption}
    return [*([captions[title](description["provenance"])] if title in captions else []), f"![{title}]({name})"]


def _curves_caption(provenance: Mapping[str, Any]) -> str:
    other = provenance.get("curves", {}).get("of_sha256")
    if other:
        return (f"Loss, and Dice of the validation cases, while the network `{other[:12]}` was trained by the same "
                "recipe:")
    # The adopted curves of older bundles, which do not say whose they are, show Dice as well.
    none_left_out = not provenance.get("data", {}).get("validation", True) and "measured" not in provenance
    return f"Loss{'' if none_left_out else ', and Dice of the validation cases,'} while it was trained:"


def _failures_caption(provenance: Mapping[str, Any]) -> str:
    reference = provenance.get("failures", {}).get("reference", "reference")
    return f"What it gets most wrong in the scans named above each column: {reference} above, prediction below."


def rule_in_words(rule: PostProcessing) -> str:
    """What a clean-up does, as one phrase."""
    steps = ["keep the largest part alone"] if rule.largest_component else []
    steps += [f"drop parts below {rule.minimum_ml:g} mL but for the largest"] if rule.minimum_ml else []
    return ", ".join([*steps, *(["fill holes"] if rule.fill_holes else [])]) or "nothing"


def _introduction(description: Mapping[str, Any]) -> list[str]:
    provenance, organs = description["provenance"], [label["title"] for label in description["labels"]]
    lines = [f"# {description['name']} {description['version']}",
             "**For research only. Not a medical device; no result may guide a diagnosis or a treatment.**",
             f"Segments CT scans: {_listed(organs)}."]
    if "method" in provenance:
        lines.append(f"Method: {provenance['method']}.")
    counts = provenance.get("parameters", {})
    if {"teacher", "student"} <= set(counts):
        lines.append(f"The student has {counts['student']:,} parameters and its teacher {counts['teacher']:,}: "
                     f"{counts['teacher'] / counts['student']:.1f} times as many.")
    elif counts:
        lines.append("Parameters: " + _listed(f"{who} {number:,}" for who, number in counts.items()) + ".")
    return lines


def _use() -> list[str]:
    return ["With MISTKDSegment on the command line, where this folder is `FOLDER`:",
            "```\npython3 mistkd.py segment my_ct.nii.gz --model FOLDER\n```",
            "In 3D Slicer, *Add model…* in the module MISTKD Segment takes the `model.json` of this folder."]


def _results(description: Mapping[str, Any]) -> list[str]:
    results = description["results"]
    if "transunet" not in results or "millimetre" not in results:
        return ["Not measured since this bundle was written: `Training/evaluate.py --record` does it."]
    cases = results["cases"]
    flattering = flattery(cases, _measured(description))
    return [f"On {_cases(cases)} of {results['data']}, whole volumes, through the code that segments for users.",
            *_of_which_network(description),
            results_table(results),
            *([" ".join(flattering)] if flattering else []),
            _bullets(f"`{protocol}`: {meaning}" for protocol, meaning in results.get("protocols", PROTOCOLS).items()),
            "Every mean is that of the organs' means over the cases.",
            *_intervals(results), *_presence(results["millimetre"].get("counts", {})), _conditions(results)]


def results_table(results: Mapping[str, Any]) -> str:
    """Dice and distances of every organ with the interval of its Dice, as Markdown.

    Args:
        results: what `evaluate` recorded: both protocols of `scores.summarise`.
    """
    headings = [heading for *_, heading, _ in _COLUMNS]
    intervals = results["transunet"].get("organ_dice_ci95", {})
    rows = [[spaced(organ), *_row(results, lambda part, organ=organ: part["organs"][organ]),
             interval(intervals.get(organ))] for organ in results["transunet"]["organs"]]
    mean = _row(results, lambda part: part["mean"])
    rows.append(["**mean**", *mean, interval(results["transunet"]["mean_dice_ci95"])])
    return table(["organ", *headings, "Dice (`transunet`), 95 % interval"], rows)


def _of_which_network(description: Mapping[str, Any]) -> list[str]:
    """Figures that another network of the same recipe scored, because the shipped one was trained on all cases."""
    measured = _other_network(description)
    if not measured:
        return []
    ours, theirs = (counted(len(one["data"]["training"]), "case") for one in (description["provenance"], measured))
    return [f"These are the figures of the network `{measured['sha256'][:12]}`, which was trained on {theirs} by the "
            f"same recipe. The weights in this bundle were trained on {ours}, those that were scored among them; no "
            "case is left to score them on."]


def _measured(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """The provenance of the network that the figures are of."""
    return description["provenance"] | _other_network(description)


def _other_network(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """The provenance of the network that was measured, as far as known; empty where it was the bundle's own."""
    measured = description["provenance"].get("measured", {})
    scored = description["results"].get("bundle", {}).get("sha256")
    return measured if scored != description["sha256"] and scored == measured.get("sha256") else {}


def interval(ends: Sequence[float | None] | None) -> str:
    """Both ends of an interval of Dice, or a dash."""
    return "-" if ends is None or ends[0] is None else f"{number(ends[0], 3)} to {number(ends[1], 3)}"


def _row(results: Mapping[str, Any], part_of: Any) -> list[str]:
    return [number(part_of(results[protocol])[metric], digits) for protocol, metric, _, digits in _COLUMNS]


def _intervals(results: Mapping[str, Any]) -> list[str]:
    ends = {protocol: results[protocol]["mean_dice_ci95"] for protocol in ("transunet", "millimetre")}
    said = [f"{number(low, 3)} to {number(high, 3)} (`{protocol}`)" for protocol, (low, high) in ends.items()
            if low is not None]
    few = " With so few cases they are too narrow." if len(results["cases"]) < FEW_CASES else ""
    what = "Intervals are 95 % bootstrap intervals, whole cases drawn; that of the mean Dice is"
    return [f"{what} {_listed(said)}.{few}"] if said else []


def _presence(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    said = [f"{spaced(organ)} {kind} in {number}" for organ, kinds in counts.items()
            for kind, number in kinds.items() if kind != "both" and number]
    return [f"Cases where an organ was not in both prediction and reference: {_listed(said)}."] if said else []


def _conditions(results: Mapping[str, Any]) -> str:
    host, threads = results.get("host", {}), results.get("threads")
    versions = _listed(f"{name} {number}" for name, number in results.get("versions", {}).items())
    return (f"Measured on {host.get('system', 'an unknown system')} {host.get('machine', '')} with "
            f"{host.get('cores', '?')} cores ({threads or 'all'} threads), {versions}; network "
            f"`{results['bundle']['sha256'][:12]}`.")


def _cleanup(description: Mapping[str, Any]) -> list[str]:
    rules = description["postprocessing"]
    if not rules:
        return ["None: labels are left as the network gives them."]
    chosen = description["provenance"].get("postprocessing", {})
    earned = chosen.get("organs", {})
    rows = []
    for organ, entry in rules.items():
        rule = PostProcessing(entry["largest_component"], entry["minimum_ml"], entry.get("fill_holes", False))
        gain = earned.get(organ, {})
        rows.append([spaced(organ), rule_in_words(rule),
                     f"{gain['dice_before']:.3f} to {gain['dice_after']:.3f}" if gain else "not recorded"])
    said = f"Chosen on {_cases(chosen['cases'])}." if chosen else "On which cases it was chosen is not recorded."
    return [table(["organ", "clean-up", "mean Dice before and after"], rows), said]


def _data(data: Mapping[str, Any], licence: str) -> list[str]:
    said = {"Source": data.get("source"), "Licence of the data": data.get("licence"),
            "Licence of the weights": licence}
    items = [f"{what}: {value}" for what, value in said.items() if value]
    items += [f"{part.capitalize()}: {_cases(data[part])}" for part in ("training", "unlabelled", "validation")
              if data.get(part)]
    return [_bullets(items)]


def _training(provenance: Mapping[str, Any]) -> list[str]:
    recipe = provenance.get("recipe", {})
    items = []
    for who in ("teacher", "student"):
        sizes, schedule = recipe.get(f"{who}_network") or recipe.get(who), recipe.get(f"{who}_schedule")
        if sizes:
            items.append(f"{who.capitalize()}: widths {_listed(sizes['widths'])}, depths {_listed(sizes['depths'])}, "
                         f"{'separable ' * sizes.get('separable_decoder', False)}decoder {sizes['decoder_width']}")
        given = provenance.get("teacher", {}).get("steps") if who == "teacher" else None
        if given:  # it had a recipe of its own
            items.append(f"Teacher's schedule: {given} steps")
        elif schedule:
            items.append(f"{who.capitalize()}'s schedule: {schedule['steps']} steps of {schedule['batch_size']} "
                         f"slices, learning rate {schedule['learning_rate']:g}{_went_on(provenance)}")
    items += [f"Distillation: {_terms(recipe)}"] if _terms(recipe) else []
    items += [f"Views of {' x '.join(str(n) for n in recipe['view'])} pixels"] if recipe.get("view") else []
    return [_bullets(items)] if items else []


def _went_on(provenance: Mapping[str, Any]) -> str:
    steps = provenance.get("start", {}).get("steps")
    return f", going on from a network of {steps} steps" if steps else ""


def _terms(recipe: Mapping[str, Any]) -> str:
    weights = recipe.get("distillation") or {
        key.removesuffix("_weight"): value for key, value in recipe.items() if key.endswith("_weight")}
    terms = ("sequence", "relation", "channel", "logit")
    return _listed(f"{term} term x {weights[term]:g}" for term in terms if weights.get(term))


def _input(contract: Mapping[str, Any]) -> list[str]:
    low, high = contract["window_hu"]
    return [_bullets([f"HU from {low:g} to {high:g}",
                      f"pixels of {contract['pixel_spacing_mm']:g} mm, height and width multiples of "
                      f"{contract['multiple']}",
                      f"slices at {_listed(f'{offset:g}' for offset in contract['context_offsets_mm'])} mm",
                      f"thin slices are run every {contract['slice_step_mm']:g} mm"]),
            "The program sees to all of it."]


def _limits(description: Mapping[str, Any]) -> list[str]:
    provenance, results = description["provenance"], description["results"]
    data = provenance.get("data", {})
    training, measured = data.get("training", []), results.get("cases", [])
    items = [f"It learnt from {counted(len(training), 'scan')}: whatever they do not show (children, other phases of "
             "contrast, other scanners, tumours, missing organs) it may get wrong."] if training else []
    if measured and len(measured) < FEW_CASES:
        items.append(f"It was measured on {_cases(measured)}: the figures are rough.")
    items += flattery(measured, _measured(description))
    if measured and description["postprocessing"] and provenance.get("postprocessing", {}).get("cases") is None:
        items.append("The clean-up may have been chosen on the very cases it was measured on.")
    reach = max(abs(offset) for offset in description["input"]["context_offsets_mm"])
    items.append(f"The network sees {reach:g} mm to either side of a slice and nothing beyond.")
    return [_bullets([*items, "Volumes are those of the segmentation, right or wrong: look at it first."])]


def flattery(measured: Iterable[str], provenance: Mapping[str, Any]) -> list[str]:
    """What is known to make the figures flatter the model, one sentence each.

    Args:
        measured: names of the cases that it was measured on.
        provenance: of the model.
    """
    trained = sorted(set(measured) & set(seen_by(provenance).values()))
    chosen_on = provenance.get("postprocessing", {}).get("cases") or ()
    items = [f"It was trained on {_listed(trained)}, where it was measured as well."] if trained else []
    if set(measured) & set(chosen_on):
        items.append("The clean-up was chosen on cases it was measured on, which makes the figures a little too good.")
    return items


def _origin(description: Mapping[str, Any]) -> list[str]:
    provenance = description["provenance"]
    seed, versions = provenance.get("recipe", {}).get("seed"), provenance.get("versions", {})
    said = {
        "Commit": provenance.get("commit"),
        "Seed": None if seed is None else str(seed),
        "Versions": _listed(f"{name} {number}" for name, number in versions.items()),
        "Hardware": provenance.get("hardware"),
        "Minutes of training": _minutes(provenance),
        "Network that was measured": _measured_in_short(_other_network(description)),
        "SHA-256 of `model.onnx`": f"`{description['sha256']}`",
        "Export": _export(provenance.get("export", {})),
        "Stored in 16 bits": _half(provenance.get("half_precision", {})),
    }
    return [_bullets(f"{what}: {value}" for what, value in said.items() if value),
            f"This card is generated from `{DESCRIPTION_FILE}`, which says more."]


def _minutes(provenance: Mapping[str, Any]) -> str:
    teacher = provenance.get("teacher", {}).get("minutes", provenance.get("teacher_minutes"))
    student = provenance.get("minutes", provenance.get("student_minutes"))
    said = {"teacher": teacher, "what it went on from": provenance.get("start", {}).get("minutes"), "student": student}
    return _listed(f"{who} {value:g}" for who, value in said.items() if value is not None)


def _measured_in_short(measured: Mapping[str, Any]) -> str:
    said = {"seed": measured.get("recipe", {}).get("seed"), "steps": measured.get("steps"),
            "minutes": measured.get("minutes"), "commit": measured.get("commit")}
    return _listed(f"{what} {value}" for what, value in said.items() if value is not None)


def _export(parity: Mapping[str, Any]) -> str:
    return (f"PyTorch and onnxruntime differ by at most {parity['largest_logit_difference']:.1g} on slices of "
            f"{parity['case']}" if parity else "")


def _half(half: Mapping[str, Any]) -> str:
    return (f"mean Dice {half['dice_before']:.4f} before and {half['dice_after']:.4f} after, on "
            f"{_cases(half['cases'])}; {half['bytes_before'] / 1e6:.1f} MB became {half['bytes_after'] / 1e6:.1f} MB"
            if half else "")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _cases(names: Sequence[str]) -> str:
    return f"{counted(len(names), 'case')} ({', '.join(names)})"


def _listed(items: Iterable[Any]) -> str:
    return ", ".join(str(item) for item in items)


def spaced(organ: str) -> str:
    """The name of an organ as people write it."""
    return organ.replace("_", " ")


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = script_parser("card", __doc__, "BUNDLE")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a model bundle")
    arguments = parse(parser, argv)

    def work() -> None:
        load_bundle(arguments.bundle)
        write_card(arguments.bundle)
        print(f"Card: {arguments.bundle / CARD_FILE}")

    return run_command("card", work)


if __name__ == "__main__":
    sys.exit(main())
