"""Steps of a release: each is done once, and what it was done with is remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from MISTKDSegmentLib.errors import InputError, OutputError, SegmentError
from Training.cli.command import STOPPED
from Training.engine.run_folder import RECIPE_FILE
from Training.system.files import write_json

DONE = ".done"
# Under which option of this script an option of a step was given.
GIVEN_AS = {"--config": "recipe", "--version": "--model-version", "--data": "--scans"}


class Step(NamedTuple):
    """A command of the release.

    Attributes:
        name: of the step and of the file that says that it is done.
        main: the script's.
        arguments: of its command line.
        run: folder of a training, which goes on where it was stopped; None for the others, which begin anew.
    """

    name: str
    main: Callable[[Sequence[str]], int]
    arguments: tuple[str, ...]
    run: Path | None = None

    @property
    def has_begun(self) -> bool:
        """True for a training that was stopped or is done."""
        return self.run is not None and (self.run / RECIPE_FILE).exists()

    @property
    def facts(self) -> dict[str, list[str]]:
        """Facts that decide its result: its options, and of its recipe not where it lies but what it says."""
        found: dict[str, list[str]] = {}
        option = "DATA"
        for argument in self.arguments:
            if argument.startswith("--"):
                option, _, value = argument.partition("=")
                found.setdefault(option, []).extend([value] if value else [])
            else:
                found.setdefault(option, []).append(argument)
        for path in found.pop("--config", []):
            found.setdefault("--config", []).append(hashlib.sha256(Path(path).read_bytes()).hexdigest())
        return {GIVEN_AS.get(option, option): values for option, values in found.items()
                if not option.startswith("--trainer.")}


def is_done(step: Step, out: Path) -> bool:
    """Tell whether a step was done before; where it is not known what was done, it was not.

    Raises:
        InputError: it was done with other options or another recipe.
    """
    try:
        before = json.loads((out / f"{step.name}{DONE}").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    now = step.facts
    changed = [option for option in dict.fromkeys([*before, *now]) if before.get(option) != now.get(option)]
    if changed:
        raise InputError(f"{step.name} in {out} was done before with another {', '.join(changed)}: give what it was "
                         "done with, or name a new --out.")
    return True


def run_step(step: Step, out: Path) -> None:
    """Run a step that is not done yet.

    Raises:
        InputError: it was done with other options or another recipe.
        SegmentError: it failed, after it has said why.
        KeyboardInterrupt: it was stopped.
    """
    if is_done(step, out):
        print(f"{step.name}: done before")
        return
    facts, begun = step.facts, step.has_begun
    print(f"{step.name}: {'goes on' if begun else 'begins'}", flush=True)
    code = step.main([*step.arguments, *(["--resume"] if begun else [])])
    if code == STOPPED:
        raise KeyboardInterrupt
    if code:
        error = {InputError.exit_code: InputError, OutputError.exit_code: OutputError}.get(code, SegmentError)
        raise error(f"{step.name} failed for the reason above: mend it and give the same command again.")
    write_json(out / f"{step.name}{DONE}", facts)
