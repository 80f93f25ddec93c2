"""Write the results in README.md from the evaluations they come from."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.atomic import atomic_path
from MISTKDSegmentLib.errors import InputError
from Training.card import interval, spaced, table
from Training.command import run_command
from Training.compare import read_results
from Training.options import parse
from Training.script_parser import script_parser

BEGIN, END = "<!-- results: written by Training/readme.py -->", "<!-- end of the results -->"
# Evaluations that stand beside that of the bundle: name of the file and heading.
BESIDE = (("student-without-clean-up", "no clean-up"), ("alone", "alone"), ("teacher", "teacher"))
SHIPPED = "student"


def results_block(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The results as Markdown: one row per organ, the mean, and the intervals.

    Args:
        results: content of `results.json` by name: the student's, and any of `BESIDE`.
    """
    ours = results[SHIPPED]["summary"]
    beside = [(heading, results[name]["summary"]) for name, heading in BESIDE if name in results]
    headings = ["organ", "student: Dice", "95 % interval", "HD95 (voxels)", "HD95 (mm)", "surface Dice at 2 mm",
                *(f"{heading}: Dice" for heading, _ in beside)]
    organs = list(ours["transunet"]["organs"])
    rows = [_row(spaced(organ), ours, beside, organ) for organ in organs]
    rows.append([f"**{cell}**" for cell in _row("mean", ours, beside, None)])
    return table(headings, rows)


def _row(name: str, ours: Mapping[str, Any], beside: Sequence[tuple[str, Mapping[str, Any]]],
         organ: str | None) -> list[str]:
    published, honest = (_part(ours[protocol], organ) for protocol in ("transunet", "millimetre"))
    ends = ours["transunet"]["mean_dice_ci95"] if organ is None else ours["transunet"]["organ_dice_ci95"][organ]
    cells = [f"{published['dice']:.3f}", interval(ends), f"{published['hd95_voxels']:.1f}",
             f"{honest['hd95_mm']:.1f}", f"{honest['surface_dice_2mm']:.3f}"]
    return [name, *cells, *(f"{_part(summary['transunet'], organ)['dice']:.3f}" for _, summary in beside)]


def _part(protocol: Mapping[str, Any], organ: str | None) -> Mapping[str, float]:
    return protocol["mean"] if organ is None else protocol["organs"][organ]


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
    """The evaluations in a folder by their names.

    Raises:
        InputError: the student's is missing, or one is something else.
    """
    names = [SHIPPED, *(name for name, _ in BESIDE)]
    found = {name: read_results(folder / f"{name}.json") for name in names if (folder / f"{name}.json").exists()}
    if SHIPPED not in found:
        raise InputError(f"{folder} has no {SHIPPED}.json: copy the results.json of the evaluations there, by name.")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = script_parser("readme", __doc__, "RESULTS --document FILE")
    beside = ", ".join(f"{name}.json" for name, _ in BESIDE)
    parser.add_argument("results", type=Path, metavar="RESULTS",
                        help=f"folder with {SHIPPED}.json and any of {beside}: results.json of evaluations")
    parser.add_argument("--document", type=Path, required=True, metavar="FILE", help="Markdown with the two markers")
    arguments = parse(parser, argv)

    def work() -> None:
        block = results_block(read_all(arguments.results))
        text = replace_block(arguments.document.read_text(encoding="utf-8"), block)
        with atomic_path(arguments.document) as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(f"Written: {arguments.document}")

    return run_command("readme", work)


if __name__ == "__main__":
    sys.exit(main())
