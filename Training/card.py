"""Write the model card of a bundle anew from its `model.json`."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Sequence
from pathlib import Path

from MISTKDSegmentLib.model.bundle import load_bundle
from Training.bundle.card import CARD_FILE, write_card
from Training.cli.command import parse, run_command, script_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = script_parser("mistkd card", __doc__, "BUNDLE")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a model bundle")
    arguments = parse(parser, argv)

    def work() -> None:
        load_bundle(arguments.bundle)
        write_card(arguments.bundle)
        print(f"Card: {arguments.bundle / CARD_FILE}")

    return run_command("mistkd card", work)


if __name__ == "__main__":
    sys.exit(main())
