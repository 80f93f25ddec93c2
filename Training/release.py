"""Make the bundle that ships from prepared cases, by one command: train, measure, train on all cases."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_only

from MISTKDSegmentLib.errors import InputError, OutputError, SegmentError
from MISTKDSegmentLib.io.atomic import atomic_path
from Training import ablate, adopt, distill, evaluate, postprocessing, train_teacher
from Training.cli.command import STOPPED, run_command
from Training.cli.options import Parser, check_machine, parse, recipe_of
from Training.cli.scan_options import chosen_scans
from Training.cli.script_parser import script_parser
from Training.data.files import check_folder, make_folder
from Training.data.prepared import Manifest, read_manifests
from Training.data.scans import listed, open_dataset
from Training.data.split import split_of
from Training.engine.checkpoints import LAST
from Training.engine.dry_run import report
from Training.engine.recipe import Recipe
from Training.engine.run_folder import RECIPE_FILE, open_run

RECIPES = Path(__file__).parent / "recipes" / "synapse-abdomen"
NAMES = ("teacher", "student", "final")
DONE = ".done"
# In these a teacher's recipe and its student's have to agree: the two must fit, and the card tells the student's.
OF_BOTH = ("validation", "pixel_spacing_mm", "context_offsets_mm", "teacher_network")
# Under which option of this script an option of a step was given.
GIVEN_AS = {"--config": "recipe", "--version": "--model-version", "--data": "--scans"}


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

    @property
    def has_begun(self) -> bool:
        """Whether it is a training that was stopped, or one that is done."""
        return self.run is not None and (self.run / RECIPE_FILE).exists()

    @property
    def facts(self) -> dict[str, list[str]]:
        """What decides its result: its options, and of its recipe not where it lies but what it says."""
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
                if not option.startswith("--machine.")}


def steps(options: Namespace, measured: Recipe) -> Iterator[Step]:
    """The commands in their order.

    Args:
        options: `data`, `scans`, `out`, `recipes`, `name`, `model_version` and `training`, further options of every
            training.
        measured: recipe of the student that is measured, on its validation cases.
    """
    out: Path = options.out
    teacher, student, alone, final = (out / name for name in ("teacher", "student", "alone", "final"))
    students = student / "student" / LAST
    labelled = ("--data", str(options.scans), "--cases", *measured.validation)

    def training(name: str, main: Callable[[Sequence[str]], int], recipe: str, run: Path, *more: str) -> Step:
        return Step(name, main, (*recipe_options(options, recipe), "--out", str(run), *more), run)

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
    yield scores("alone", alone / f"alone-seed{measured.seed}" / LAST)
    yield scores("teacher", teacher / LAST)
    yield training("final", distill.main, "final", final, *given, *named, "--student_start", str(students))
    yield Step("figures", adopt.main, (str(final / "bundle"), "--measured", str(student / "bundle")))


def recipe_options(options: Namespace, recipe: str) -> tuple[str, ...]:
    """The options of a training that say what it is."""
    return (*map(str, options.data), "--config", str(options.recipes / f"{recipe}.yaml"), *options.training)


def is_done(step: Step, out: Path) -> bool:
    """Whether a step was done before; where it is not known what was done, it is not.

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
    with atomic_path(out / f"{step.name}{DONE}") as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def check_recipes(recipes: Mapping[str, Recipe], manifest: Manifest) -> None:
    """Refuse recipes that would end in a bundle whose card is not true, or in none.

    Args:
        recipes: by the names in `NAMES`.
        manifest: of the prepared cases.

    Raises:
        InputError: says what does not fit.
    """
    teacher, student, final = (recipes[name] for name in NAMES)
    if not student.validation:
        raise InputError("student.yaml names no validation case: name those that the student is measured on.")
    _check_equal("teacher", teacher, student, OF_BOTH)
    _check_equal("final", final, student, [what for what in Recipe.__dataclass_fields__
                                           if what not in adopt.NOT_COMPARED])
    left_out = {*split_of(student, manifest).training, *student.validation} - {*split_of(final, manifest).training}
    if left_out or final.validation:
        raise InputError(f"final.yaml leaves out {listed(sorted(left_out | {*final.validation}))}: let it train on "
                         "all cases of student.yaml, and validate on none.")


def _check_equal(name: str, recipe: Recipe, student: Recipe, parts: Sequence[str]) -> None:
    different = [what for what in parts if getattr(recipe, what) != getattr(student, what)]
    if different:
        raise InputError(f"{name}.yaml and student.yaml differ in {', '.join(different)}: write the same in both.")


def check_all(options: Namespace, trainings: Mapping[str, Namespace], plan: Sequence[Step]) -> None:
    """Find out what would end a later step, and print what the trainings that have not begun cost.

    Args:
        options: of this script.
        trainings: options of a training by the names in `NAMES`.
        plan: the steps.

    Raises:
        InputError: the data, the scans or the recipes cannot be used, or a step was done with others.
        OutputError: nothing can be written to OUT.
    """
    check_folder(options.out)
    recipes = {name: recipe_of(one) for name, one in trainings.items()}
    manifest = read_manifests(options.data)
    check_recipes(recipes, manifest)
    chosen_scans(open_dataset(options.scans, manifest.labels),
                 Namespace(data=options.scans, split=None, cases=recipes["student"].validation))
    waiting = [step for step in plan if not is_done(step, options.out)]
    # Not the student alone: it costs less than the one beside a teacher.
    for name in [step.name for step in waiting if step.name in trainings and not step.has_begun]:
        _dry_run(name, trainings[name])


def _dry_run(name: str, options: Namespace) -> None:
    recipe = recipe_of(options)
    schedule = recipe.teacher_schedule if name == "teacher" else recipe.student_schedule
    run = open_run(options.data, recipe, check_machine(options, schedule.batch_size))
    task = train_teacher.teacher_task(run)
    report([(name, task if name == "teacher" else distill.student_task(run, [task.network]))], run)


def release_parser() -> Parser:
    """The options of this script."""
    parser = script_parser("release", __doc__, "DATA [DATA ...] --scans FOLDER --out FOLDER",
                           dry_run="what the trainings cost")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help="folders of prepared cases")
    parser.add_argument("--scans", type=Path, required=True, metavar="FOLDER",
                        help="the scans that the recipes' validation cases were prepared from")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                        help="for everything; OUT/final/bundle is what ships; the same command goes on where it was")
    parser.add_argument("--recipes", type=Path, default=RECIPES, metavar="FOLDER",
                        help="with teacher.yaml, student.yaml and final.yaml; left out, those of the shipped model")
    parser.add_argument("--name", default="synapse-abdomen", help="of the model")
    parser.add_argument("--model-version", default="0.2.1", help="of the model")
    parser.add_argument("--training", nargs="+", default=[], metavar="OPTION",
                        help="given to every training as they are, e.g. machine.devices=4")
    return parser


def training_options(options: Namespace) -> dict[str, Namespace]:
    """The recipes with what else a training asks for, by the names in `NAMES`.

    Raises:
        SystemExit: a file cannot be read or has a wrong option, after one line on standard error.
    """
    return {name: parse(distill.distill_parser(), [*recipe_options(options, name), "--out", str(options.out)])
            for name in NAMES}


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(release_parser(), argv)
    options.training = [f"--{option}" for option in options.training]

    def work() -> None:
        trainings = training_options(options)
        plan = list(steps(options, recipe_of(trainings["student"])))
        if rank_zero_only.rank == 0:  # further processes are started when the first training has begun
            check_all(options, trainings, plan)
        if options.dry_run:
            return
        make_folder(options.out)
        for step in plan:
            run_step(step, options.out)
        print(f"Bundle: {options.out / 'final' / 'bundle'}; figures: {options.out / 'scores'}")

    return run_command("release", work)


if __name__ == "__main__":
    sys.exit(main())
