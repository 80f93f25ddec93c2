"""Make the bundle that ships from prepared cases, by one command: train, measure, train on all cases."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jsonargparse import Namespace

from MISTKDSegmentLib.errors import InputError, OutputError, SegmentError
from Training import ablate, adopt, distill, evaluate, postprocessing, train_teacher
from Training.checkpoints import LAST
from Training.command import STOPPED, run_command
from Training.files import make_folder
from Training.options import Parser, parse
from Training.recipe import Recipe
from Training.run import RECIPE_FILE
from Training.script_parser import script_parser

RECIPES = Path(__file__).parent / "recipes" / "synapse-abdomen"
DONE = ".done"


class Step(NamedTuple):
    """One command of the release.

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


def steps(options: Namespace) -> Iterator[Step]:
    """The commands in their order.

    Args:
        options: `data`, `scans`, `cases`, `out`, `recipes`, `name`, `model_version` and `training`, further options of
            every training.
    """
    out: Path = options.out
    teacher, student, alone, final = (out / name for name in ("teacher", "student", "alone", "final"))
    students = student / "student" / LAST
    labelled = ("--data", str(options.scans), "--cases", *options.cases)

    def training(name: str, main: Callable[[Sequence[str]], int], recipe: str, run: Path, *more: str) -> Step:
        config = str(options.recipes / f"{recipe}.yaml")
        return Step(name, main, (*map(str, options.data), "--config", config, "--out", str(run), *more,
                                 *options.training), run)

    def scores(name: str, model: Path, *more: str) -> Step:
        return Step(f"score-{name}", evaluate.main,
                    ("--model", str(model), *labelled, "--out", str(out / "scores" / name), *more))

    given = ("--teacher", str(teacher / LAST))
    named = ("--name", options.name, "--version", options.model_version)
    yield training("teacher", train_teacher.main, "teacher", teacher)
    yield training("student", distill.main, "student", student, *given, *named)
    yield training("alone", ablate.main, "student", alone, *given, "--variants", "[alone]")
    yield Step("clean-up", postprocessing.main, ("--model", str(student / "bundle"), *labelled))
    yield scores("student", student / "bundle", "--record", "--pictures")
    yield scores("student-without-clean-up", students)
    yield scores("alone", alone / f"alone-seed{Recipe().seed}" / LAST)
    yield scores("teacher", teacher / LAST)
    yield training("final", distill.main, "final", final, *given, *named, "--student_start", str(students))
    yield Step("figures", adopt.main, (str(final / "bundle"), "--measured", str(student / "bundle")))


def run_step(step: Step, out: Path) -> None:
    """Run a step that is not done yet.

    Raises:
        SegmentError: it failed, after it has said why.
        KeyboardInterrupt: it was stopped.
    """
    done = out / f"{step.name}{DONE}"
    if done.exists():
        print(f"{step.name}: done before")
        return
    begun = step.run is not None and (step.run / RECIPE_FILE).exists()
    print(f"{step.name}: {'goes on' if begun else 'begins'}", flush=True)
    code = step.main([*step.arguments, *(["--resume"] if begun else [])])
    if code == STOPPED:
        raise KeyboardInterrupt
    if code:
        error = {InputError.exit_code: InputError, OutputError.exit_code: OutputError}.get(code, SegmentError)
        raise error(f"{step.name} failed for the reason above: mend it and give the same command again.")
    done.touch()


def release_parser() -> Parser:
    """The options of this script."""
    parser = script_parser("release", __doc__, "DATA [DATA ...] --scans FOLDER --out FOLDER")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help="folders of prepared cases")
    parser.add_argument("--scans", type=Path, required=True, metavar="FOLDER",
                        help="the scans that the validation cases were prepared from")
    parser.add_argument("--cases", nargs="+", default=list(Recipe().validation), metavar="CASE",
                        help="validation cases; those of the recipes")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                        help="for everything; OUT/final/bundle is what ships; the same command goes on where it was")
    parser.add_argument("--recipes", type=Path, default=RECIPES, metavar="FOLDER",
                        help="with teacher.yaml, student.yaml and final.yaml; left out, those of the shipped model")
    parser.add_argument("--name", default="synapse-abdomen", help="of the model")
    parser.add_argument("--model-version", default="0.2.0", help="of the model")
    parser.add_argument("--training", nargs="+", default=[], metavar="OPTION",
                        help="given to every training as they are, e.g. machine.devices=4")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(release_parser(), argv)
    options.training = [f"--{option}" for option in options.training]

    def work() -> None:
        make_folder(options.out)
        for step in steps(options):
            run_step(step, options.out)
        print(f"Bundle: {options.out / 'final' / 'bundle'}; figures: {options.out / 'scores'}")

    return run_command("release", work)


if __name__ == "__main__":
    sys.exit(main())
