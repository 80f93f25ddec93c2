"""Bring a data set into the compact form that training reads: 8-bit slices cropped to the body."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import Namespace

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.system import usable_cores
from Training.cli.command import Parser, parse, run_command, script_parser
from Training.data.layouts.registry import LAYOUTS
from Training.data.organs import read_organs
from Training.data.preparation import prepare
from Training.data.preparation_report import print_report

MAX_WORKERS = 8


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(_parser(), argv)
    return run_command("mistkd prepare", lambda: _prepare(options))


def _prepare(options: Namespace) -> None:
    organs = read_organs(options.organs) if options.organs else ABDOMEN_LABELS
    dataset, preparations = prepare(
        options.raw, options.out, organs=organs, layout=options.layout, label_map=options.label_map,
        spacing=options.spacing, window_hu=tuple(options.window_hu), pixel_spacing_mm=options.pixel_spacing_mm,
        workers=options.workers, skip=options.skip, accept=options.accept, accept_empty=options.accept_empty,
        with_test=options.with_test, dry_run=options.dry_run,
    )
    if not options.dry_run:
        print_report(dataset, preparations, options.out, organs, options.pixel_spacing_mm)


def _parser() -> Parser:
    parser = script_parser("mistkd prepare", __doc__, "RAW OUT",
                           dry_run="the cases, and time and size measured on one")
    add = parser.add_argument
    add("raw", type=Path, metavar="RAW", help="folder of the data set, of any layout that --layout names")
    add("out", type=Path, metavar="OUT", help="folder for the prepared cases; a run that was stopped goes on there")
    add("--layout", choices=[name for name in LAYOUTS if name != "prepared"],
        help="how the data set lies on disk; left out, it is found out")
    add("--label-map", type=Path, metavar="NAME_OR_FILE",
        help="which of its labels become which organs: YAML, or the name of one in label_maps; left out, by name")
    add("--organs", type=Path, metavar="FILE", help="YAML list of the organs to learn; left out, the eight of Synapse")
    add("--spacing", type=Path, metavar="FILE", help="YAML, case: [i, j, k] in mm, for the layout transunet")
    add("--pixel-spacing-mm", type=float, default=1.5, metavar="MM", help="pixel size in mm")
    add("--window-hu", type=float, nargs=2, default=[-125.0, 275.0], metavar=("LOW", "HIGH"),
        help="HU that become 0 and 255")
    add("--workers", type=int, default=min(usable_cores(), MAX_WORKERS), metavar="N",
        help="processes; 0 works in the one that is there")
    add("--skip", type=str, nargs="+", default=[], metavar="CASE", help="leave these cases out")
    add("--accept", type=str, nargs="+", default=[], metavar="CASE",
        help="take these although they have no organ, or organs on the wrong side (situs inversus)")
    add("--accept-empty", action="store_true",
        help="take all that have no organ, e.g. the heads and legs among whole-body scans")
    add("--with-test", action="store_true", help="also take the data set's labelled test cases")
    return parser


if __name__ == "__main__":
    sys.exit(main())
