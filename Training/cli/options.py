"""The command line that the training scripts share: options from a YAML file, each to be overridden."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace

from MISTKDSegmentLib.errors import InputError
from Training.engine.machine import Machine
from Training.engine.recipe import Recipe

WRONG_OPTION = 2


class Parser(ArgumentParser):
    """A parser whose errors are one line, and that guesses at no option."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Say what is wrong and leave."""
        text = " ".join(message.split()).rstrip(".;")
        if "<class 'tuple'>" in text or "<class 'list'>" in text:
            text += ", which is no list: write it as '[A, B]'"
        print(f"{self.prog.removesuffix('.py')}: error: {text}; --help lists the options", file=sys.stderr)
        sys.exit(WRONG_OPTION)


def training_parser(name: str, description: str) -> Parser:
    """A parser of what every training script asks for, with the recipe and the machine."""
    parser = Parser(prog=f"{name}.py", description=description, usage=f"{name}.py DATA [DATA ...] --out RUN [options]",
                    default_env=False)
    parser.add_argument("--config", action="config", help="YAML file with any of these options; later ones override")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA",
                        help="folders of prepared cases (Training/prepare.py)")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder; made if missing")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN from its last checkpoint")
    parser.add_argument("--dry-run", action="store_true",
                        help="check everything, time a few steps, print parameters, FLOPs, memory and time, and stop")
    parser.add_class_arguments(Recipe, nested_key=None)
    parser.add_class_arguments(Machine, "machine")
    return parser


def parse(parser: Parser, argv: Sequence[str] | None) -> Namespace:
    """Options with their dataclasses made.

    Raises:
        SystemExit: a wrong option, after one line on standard error.
    """
    options = parser.parse_args(None if argv is None else list(argv))
    try:
        return parser.instantiate(options)
    except (ValueError, TypeError) as error:
        parser.error(str(error))


def recipe_of(options: Namespace) -> Recipe:
    """The recipe that the options make, checked.

    Raises:
        InputError: a value makes no sense.
    """
    names: dict[str, Any] = {name: getattr(options, name) for name in Recipe.__dataclass_fields__}
    recipe = Recipe(**names)
    recipe.check()
    return recipe


def check_machine(options: Namespace, *batch_sizes: int) -> Machine:
    """The machine that the options describe, checked against the batches.

    Raises:
        InputError: this computer does not have it, or a batch cannot be shared.
    """
    machine: Machine = options.machine
    for batch_size in batch_sizes:
        machine.check(batch_size)
    if not options.data:
        raise InputError("no prepared data set is named: give the folder that Training/prepare.py wrote.")
    return machine
