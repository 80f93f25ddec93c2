"""The command line of every script: options from a YAML file or from the terminal, errors in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace

from MISTKDSegmentLib.errors import SegmentError

WRONG_OPTION = 2
STOPPED = 130  # what shells report for Ctrl-C


class Parser(ArgumentParser):
    """A parser whose errors are one line, and that guesses at no option.

    Args:
        program: what is typed, e.g. "mistkd train-teacher".
        description: what it does.
        usage: what has to be given.
    """

    def __init__(self, program: str, description: str | None, usage: str) -> None:
        super().__init__(prog=program, usage=f"{program} {usage} [options]", description=description,
                         allow_abbrev=False, default_env=False)
        self.add_argument("--config", action="config",
                          help="YAML file with any of these options; later ones override")
        self.spell_with_dashes()

    def spell_with_dashes(self) -> None:
        """Show options with dashes that were made from names with underscores; both spellings are understood."""
        for action in self._actions:
            action.option_strings = [option.replace("_", "-") for option in action.option_strings]
            self._option_string_actions.update(dict.fromkeys(action.option_strings, action))

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Say what is wrong in one line and leave with exit code 2."""
        text = " ".join(message.split()).rstrip(".;")
        if "<class 'tuple'>" in text or "<class 'list'>" in text:
            text += ", which is no list: write it as '[A, B]'"
        print(f"{self.prog}: error: {text}; --help lists the options", file=sys.stderr)
        sys.exit(WRONG_OPTION)


def script_parser(program: str, description: str | None, usage: str, *, dry_run: str | None = None) -> Parser:
    """Make the parser of a script that trains nothing.

    Args:
        program: what is typed.
        description: what it does.
        usage: what has to be given.
        dry_run: what the option `--dry-run` prints; None for a script without it.
    """
    parser = Parser(program, description, usage)
    if dry_run is not None:
        parser.add_argument("--dry-run", action="store_true", help=f"check everything, print {dry_run}, and stop")
    return parser


def parse(parser: Parser, argv: Sequence[str] | None) -> Namespace:
    """Read the options and make their dataclasses.

    Args:
        parser: of the script.
        argv: arguments without the program's name; those of the process when None.

    Raises:
        SystemExit: a wrong option, after one line on standard error.
    """
    options = parser.parse_args(None if argv is None else list(argv))
    try:
        return parser.instantiate(options)
    except (ValueError, TypeError) as error:
        parser.error(str(error))


def run_command(program: str, work: Callable[[], Any]) -> int:
    """Do the work of a script; a user's mistake becomes one line and an exit code.

    Args:
        program: what is typed, for messages.
        work: raises `SegmentError` for what the user can mend.

    Returns:
        The exit code.
    """
    try:
        work()
    except SegmentError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{program}: stopped; the same command goes on where it can, a training with --resume.",
              file=sys.stderr)
        return STOPPED
    return 0
