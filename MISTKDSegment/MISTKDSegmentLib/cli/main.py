"""The program `mistkd`: one command for each thing that can be done; only what the command needs is imported."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, Optional

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.cli import NOTICE
from MISTKDSegmentLib.cli.streams import Stream, occupy_descriptors
from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.extras import pip_command

PROGRAM = "mistkd"
USAGE_EXIT_CODE = 2
OLDEST_PYTHON_FOR_TRAINING = (3, 10)


class Command(NamedTuple):
    """One thing that can be done.

    Attributes:
        module: has a function `main(arguments)` that returns the exit code.
        extra: of the project, which installs what the module needs; "" where nothing more is needed.
        help: one line.
    """

    module: str
    extra: str
    help: str


# In the order of use.
COMMANDS = {
    "segment": Command("MISTKDSegmentLib.cli.segment", "", "segment CT scans, or a made-up one"),
    "prepare": Command("Training.prepare", "training", "make labelled scans ready for training"),
    "train-teacher": Command("Training.train_teacher", "training", "train a teacher"),
    "distill": Command("Training.distill", "training", "train a student beside its teacher, and export it"),
    "export": Command("Training.export", "training", "make a model bundle of a trained network"),
    "postprocess": Command("Training.postprocess", "training", "choose the post-processing of a model's organs"),
    "calibrate": Command("Training.calibrate", "training", "find out how well a model knows how good its organs are"),
    "evaluate": Command("Training.evaluate", "training", "score a model on labelled scans"),
    "compare": Command("Training.compare", "training", "compare two evaluations case by case"),
    "ablate": Command("Training.ablate", "training", "train variants of a student, and compare them"),
    "crossvalidate": Command("Training.crossvalidate", "training", "train and score on every case in turn"),
    "card": Command("Training.card", "training", "write a model's card"),
    "release": Command("Training.release", "training", "do all that a released model takes, from data to card"),
    "package": Command("MISTKDSegmentLib.cli.package", "", "write the archives that 3D Slicer installs"),
    "dask": Command("MISTKDSegmentLib.cli.dask", "dask", "run a Dask scheduler or worker for `segment --dask`"),
}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command.

    Args:
        argv: the command and its arguments; those of the process when left out.

    Returns:
        The exit code.

    Raises:
        SystemExit: the command's help was asked for, or its arguments make no sense.
    """
    occupy_descriptors()
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else ""
    if name in COMMANDS:
        return run_command(name, arguments[1:])
    if name in ("-h", "--help", "--version"):
        return _answer(f"{PROGRAM} {__version__}" if name == "--version" else usage())
    what = f"there is no command '{name}'" if name else "no command is given"
    return _refuse(PROGRAM, f"{what}; `{PROGRAM} --help` lists them", USAGE_EXIT_CODE)


def usage() -> str:
    """What `--help` prints."""
    return "\n".join([f"Usage: {PROGRAM} COMMAND [options]", "",
                      "Segments abdominal CT, and distils the networks that do.",
                      NOTICE, "", list_commands(), "",
                      f"`{PROGRAM} COMMAND --help` lists the options of a command."])


def list_commands() -> str:
    """A line for each command."""
    width = max(map(len, COMMANDS))
    return "\n".join(f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items())


def run_command(name: str, arguments: Sequence[str]) -> int:
    """Import a command and run it.

    Returns:
        Its exit code; `USAGE_EXIT_CODE`, after one sentence, where a package that it needs is missing.
    """
    command = COMMANDS[name]
    if command.extra == "training" and sys.version_info < OLDEST_PYTHON_FOR_TRAINING:
        oldest = ".".join(map(str, OLDEST_PYTHON_FOR_TRAINING))
        return _refuse(f"{PROGRAM} {name}", f"needs Python {oldest} or newer, and this is {sys.version.split()[0]}",
                       USAGE_EXIT_CODE)
    try:
        return int(import_module(command.module).main(arguments))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "MISTKDSegmentLib"):
            raise
        install = pip_command(command.extra, missing)
        return _refuse(f"{PROGRAM} {name}", f"needs the Python package {missing}; install it with `{install}`",
                       USAGE_EXIT_CODE)


def _answer(text: str) -> int:
    stream = Stream(sys.stdout)
    stream.write(f"{text}\n")
    try:
        stream.check("")
    except OutputError as error:
        return _refuse(PROGRAM, str(error), error.exit_code)
    return 0


def _refuse(who: str, why: str, exit_code: int) -> int:
    Stream(sys.stderr).write(f"{who}: error: {why}\n")
    return exit_code
