"""Give a bundle trained on all cases the clean-up and the figures of the one that its recipe was validated with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.bundle import Bundle, load_bundle
from MISTKDSegmentLib.errors import InputError
from Training.command import run_command
from Training.description import read_description, update_description
from Training.files import check_folder
from Training.options import parse
from Training.script_parser import script_parser


def adopt(folder: Path, measured: Path) -> Bundle:
    """Write clean-up and figures of one bundle into another.

    No case is left to choose or measure anything on when all are trained on. The card says whose figures they are.

    Args:
        folder: bundle to release; its `model.json` and card are changed.
        measured: bundle of the same recipe whose validation cases were left out of the training.

    Returns:
        The changed bundle.

    Raises:
        BundleError: one of them cannot be used.
        InputError: they are of different organs, inputs or sizes, or the second was not measured.
        OutputError: a file cannot be written.
    """
    released, scored = load_bundle(folder), load_bundle(measured)
    if (released.labels, released.input) != (scored.labels, scored.input) or _sizes(released) != _sizes(scored):
        raise InputError(f"{folder} and {measured} differ in organs, input or size: name bundles of the same recipe.")
    if not scored.results:
        raise InputError(f"{measured} has no figures: measure it with Training/evaluate.py --record.")
    theirs = read_description(measured)
    data = {part: theirs["provenance"]["data"][part] for part in ("training", "unlabelled", "validation")}
    update_description(
        folder, postprocessing=theirs["postprocessing"], results=theirs["results"],
        provenance={"measured": {"sha256": scored.sha256, "data": data},
                    **{key: theirs["provenance"][key] for key in ("postprocessing",) if key in theirs["provenance"]}})
    return load_bundle(folder)


def _sizes(bundle: Bundle) -> Any:
    return bundle.provenance.get("parameters"), bundle.provenance.get("recipe", {}).get("student_network")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = script_parser("adopt", __doc__, "BUNDLE --measured BUNDLE")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="model bundle trained on all cases; it is changed")
    parser.add_argument("--measured", type=Path, required=True, metavar="BUNDLE",
                        help="bundle of the same recipe, with the clean-up and the figures to take over")
    arguments = parse(parser, argv)

    def work() -> None:
        check_folder(arguments.bundle)
        bundle = adopt(arguments.bundle, arguments.measured)
        print(f"Bundle: {bundle.folder}, with the figures of {arguments.measured}")

    return run_command("adopt", work)


if __name__ == "__main__":
    sys.exit(main())
