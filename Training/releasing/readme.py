"""Write the results in README.md from the evaluations they come from."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.errors import InputError
from Training.cli.command import parse, run_command, script_parser
from Training.evaluation.comparison import check_comparable, read_results
from Training.evaluation.paired_comparison import OVERALL, compare_all, pair
from Training.system.files import write_text
from Training.system.markdown import digits, interval, table
from Training.system.words import counted, spaced

BEGIN, END = "<!-- results: written by Training/releasing/readme.py -->", "<!-- end of the results -->"
SHIPPED, RAW, ALONE, TEACHER = "student", "student-without-postprocessing", "alone", "teacher"
# Evaluations that stand beside that of the bundle.
BESIDE = (RAW, ALONE, TEACHER)
PROTOCOL = "transunet"
WIDTH = 119


def results_block(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The results as Markdown: a row per organ and the mean, and below what distillation gave.

    Args:
        results: content of `results.json` by name: the student's, and any of `BESIDE`.
    """
    ours = results[SHIPPED]["summary"]
    teacher = results[TEACHER]["summary"][PROTOCOL] if TEACHER in results else {"organs": {}, "mean": {}}
    rows = [_row(spaced(organ), ours[PROTOCOL]["organs"][organ], ours[PROTOCOL]["organ_dice_ci95"][organ],
                 ours["millimetre"]["organs"][organ], teacher["organs"].get(organ, {}))
            for organ in ours[PROTOCOL]["organs"]]
    mean = _row("mean", ours[PROTOCOL]["mean"], ours[PROTOCOL]["mean_dice_ci95"], ours["millimetre"]["mean"],
                teacher["mean"])
    shown = table(["organ", "Dice (95 % interval)", "HD95 (mm)", "teacher's Dice"],
                  [*rows, [f"**{cell}**" for cell in mean]])
    gain = [gain_in_words(results[ALONE], results[RAW])] if {ALONE, RAW} <= set(results) else []
    return "\n\n".join([shown, *gain])


def _row(name: str, published: Mapping[str, float | None], ends: Sequence[float | None],
         honest: Mapping[str, float | None], teacher: Mapping[str, float | None]) -> list[str]:
    return [name, f"{digits(published['dice'], 3)} ({interval(ends)})", digits(honest["hd95_mm"], 1),
            digits(teacher.get("dice"), 3)]


def gain_in_words(alone: Mapping[str, Any], distilled: Mapping[str, Any]) -> str:
    """Sentence about what distillation gave, in points (hundredths) of Dice.

    Args:
        alone, distilled: content of `results.json` of the student trained alone and beside its teacher.
    """
    pairs = pair(alone["cases"], distilled["cases"], PROTOCOL, "dice")
    compared = compare_all(pairs)
    overall = compared[OVERALL]
    low, high = (f"{100 * end:+.1f}" for end in overall.interval)
    organs = sorted((organ for organ in pairs.organs if compared[organ].cases), key=lambda o: compared[o].difference)
    least, most = (f"{100 * compared[organ].difference:+.1f} ({spaced(organ)})" for organ in (organs[0], organs[-1]))
    interval_of = f"95 % bootstrap interval {low} to {high}, " if overall.cases > 1 else ""
    return textwrap.fill(
        f"Distillation gave {100 * overall.difference:+.1f} points of Dice over the same student alone ({interval_of}"
        f"{counted(overall.cases, 'case')}, without post-processing), by organ from {least} to {most}.",
        WIDTH, break_on_hyphens=False)


def replace_block(text: str, block: str) -> str:
    """A document with the part between the markers replaced.

    Raises:
        InputError: it has not one pair of markers.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise InputError(f"the document has no single pair of lines {BEGIN} and {END}: put them where the results go.")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{rest.split(END)[1]}"


def read_all(folder: Path) -> dict[str, dict[str, Any]]:
    """The evaluations in a folder by their names, each `NAME.json`, or `results.json` in a folder of that name.

    Raises:
        InputError: the student's is missing, one is something else, or they are of different cases or organs.
    """
    paths = {name: path for name in (SHIPPED, *BESIDE)
             for path in (folder / name / "results.json", folder / f"{name}.json") if path.exists()}
    if SHIPPED not in paths:
        raise InputError(f"{folder} has neither {SHIPPED}.json nor {SHIPPED}/results.json: name the folder of the "
                         "evaluations.")
    found = {name: read_results(path) for name, path in paths.items()}
    for name, path in paths.items():
        try:
            check_comparable(found[SHIPPED], found[name], (paths[SHIPPED], path))
            results_block({SHIPPED: found[name]})  # finds out whether it has all that a row takes
        except (LookupError, TypeError, AttributeError) as error:
            raise InputError(f"{path} says too little ({type(error).__name__}: {error}): evaluate anew.") from None
    return found


def read_document(path: Path) -> str:
    """A document to write into.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text ({error}): name another --document.") from None


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = script_parser("python -m Training.releasing.readme", __doc__, "RESULTS --document FILE")
    parser.add_argument("results", type=Path, metavar="RESULTS",
                        help=f"folder of evaluations, each NAME/results.json or NAME.json: {SHIPPED} and any of "
                        f"{', '.join(BESIDE)}; mistkd release writes them into OUT/scores")
    parser.add_argument("--document", type=Path, required=True, metavar="FILE", help="Markdown with the two markers")
    arguments = parse(parser, argv)

    def work() -> None:
        block = results_block(read_all(arguments.results))
        text = replace_block(read_document(arguments.document), block)
        write_text(arguments.document, text)
        print(f"Written: {arguments.document}")

    return run_command("python -m Training.releasing.readme", work)


if __name__ == "__main__":
    sys.exit(main())
