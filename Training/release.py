"""Make the bundle that ships from prepared cases, by one command: train, measure, train on all cases."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_only

from MISTKDSegmentLib.errors import InputError
from Training import ablate, calibrate, distill, evaluate, postprocess, train_teacher
from Training.cli.command import Parser, parse, run_command, script_parser
from Training.cli.scan_options import chosen_scans
from Training.cli.training_options import recipe_of, trainer_settings_of
from Training.data.layouts.registry import open_dataset
from Training.data.manifest import Manifest, read_manifests
from Training.engine.checkpoints import LAST
from Training.engine.dry_run import report
from Training.engine.recipe import Recipe
from Training.engine.run_folder import open_run
from Training.engine.split import split_of
from Training.engine.trainings import student_task, teacher_task
from Training.engine.variants import ALONE, variant_run, variant_task
from Training.releasing.adopt import NOT_COMPARED
from Training.releasing.adopt import main as adopt
from Training.releasing.steps import Step, is_done, run_step
from Training.system.files import check_folder, make_folder
from Training.system.words import listed

RECIPES = Path(__file__).parent / "recipes" / "synapse-abdomen"
NAMES = ("teacher", "begin", "student", "final")
# In these a teacher's recipe and its student's have to agree: the two must fit, and the card tells the student's.
OF_BOTH = ("validation", "pixel_spacing_mm", "context_offsets_mm", "teacher_network")


def steps(options: Namespace, first: Recipe, measured: Recipe) -> Iterator[Step]:
    """The commands in their order.

    The student begins without a teacher, and goes on with it and, to compare, without it.

    Args:
        options: `data`, `scans`, `out`, `recipes`, `name`, `model_version` and `training`, further options of every
            training.
        first: recipe of the student that begins alone.
        measured: recipe of the student that is measured, on its validation cases.
    """
    out: Path = options.out
    teacher, begin, student, alone, final = (out / name for name in ("teacher", "begin", "student", "alone", "final"))
    begun, students = begin / f"{ALONE}-seed{first.seed}" / LAST, student / "student" / LAST
    labelled = ("--data", str(options.scans), "--cases", *measured.validation)

    def training(name: str, main: Callable[[Sequence[str]], int], recipe: str, run: Path, *more: str) -> Step:
        return Step(name, main, (*recipe_options(options, recipe), "--out", str(run), *more), run)

    def scores(name: str, model: Path, *more: str) -> Step:
        return Step(f"score-{name}", evaluate.main,
                    ("--model", str(model), *labelled, "--out", str(out / "scores" / name), *more))

    given = ("--teacher", str(teacher / LAST))
    named = ("--name", options.name, "--version", options.model_version)
    yield training("teacher", train_teacher.main, "teacher", teacher)
    without, from_there = ("--variants", f"[{ALONE}]"), ("--student-start", str(begun))
    yield training("begin", ablate.main, "begin", begin, *given, *without)
    yield training("student", distill.main, "student", student, *given, *named, *from_there)
    yield training("alone", ablate.main, "student", alone, *given, *without, *from_there)
    yield Step("postprocess", postprocess.main, ("--model", str(student / "bundle"), *labelled))
    yield scores("student", student / "bundle", "--record", "--pictures")
    if len(measured.validation) >= calibrate.FEWEST_CASES:
        yield Step("calibrate", calibrate.main, ("--model", str(student / "bundle"), *labelled, "--out",
                                                 str(out / "quality"), "--ablation"))
    yield scores("student-without-postprocessing", students)
    yield scores("alone", alone / f"{ALONE}-seed{measured.seed}" / LAST)
    yield scores("teacher", teacher / LAST)
    yield training("final", distill.main, "final", final, *given, *named, "--student-start", str(students))
    yield Step("figures", adopt, (str(final / "bundle"), "--measured", str(student / "bundle")))


def recipe_options(options: Namespace, recipe: str) -> tuple[str, ...]:
    """The options of a training that say what it is."""
    return (*map(str, options.data), "--config", str(options.recipes / f"{recipe}.yaml"), *options.training)


def check_recipes(recipes: Mapping[str, Recipe], manifest: Manifest) -> None:
    """Refuse recipes that would end in a bundle whose card is not true, or in none.

    Args:
        recipes: by the names in `NAMES`.
        manifest: of the prepared cases.

    Raises:
        InputError: says what does not fit.
    """
    teacher, begin, student, final = (recipes[name] for name in NAMES)
    if not student.validation:
        raise InputError("student.yaml names no validation case: name those that the student is measured on.")
    _check_equal("teacher", teacher, student, OF_BOTH)
    same = [what for what in Recipe.__dataclass_fields__ if what not in NOT_COMPARED]
    _check_equal("begin", begin, student, [*same, "validation", "training"])
    _check_equal("final", final, student, same)
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
    # Not the one to compare with: it costs less than the one beside a teacher.
    for name in [step.name for step in waiting if step.name in trainings and not step.has_begun]:
        _dry_run(name, trainings[name])


def _dry_run(name: str, options: Namespace) -> None:
    recipe = recipe_of(options)
    schedule = recipe.teacher_schedule if name == "teacher" else recipe.student_schedule
    run = open_run(options.data, recipe, trainer_settings_of(options, schedule.batch_size))
    if name == "begin":
        report([(name, variant_task(variant_run(run, ALONE, recipe.seed), []))], run)
        return
    task = teacher_task(run)
    report([(name, task if name == "teacher" else student_task(run, [task.network]))], run)


def release_parser() -> Parser:
    """The options of this script."""
    parser = script_parser("mistkd release", __doc__, "DATA [DATA ...] --scans FOLDER --out FOLDER",
                           dry_run="what the trainings cost")
    parser.add_argument("data", type=Path, nargs="+", metavar="DATA", help="folders of prepared cases")
    parser.add_argument("--scans", type=Path, required=True, metavar="FOLDER",
                        help="the scans that the recipes' validation cases were prepared from")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                        help="for everything; OUT/final/bundle is what ships; the same command goes on where it was")
    parser.add_argument("--recipes", type=Path, default=RECIPES, metavar="FOLDER",
                        help="with teacher.yaml, begin.yaml, student.yaml and final.yaml; left out, those of the "
                        "shipped model")
    parser.add_argument("--name", default="synapse-abdomen", help="of the model")
    parser.add_argument("--model-version", default="0.4.0", help="of the model")
    parser.add_argument("--training", nargs="+", default=[], metavar="OPTION",
                        help="given to every training as they are, e.g. trainer.devices=4")
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
        plan = list(steps(options, *(recipe_of(trainings[name]) for name in ("begin", "student"))))
        if rank_zero_only.rank == 0:  # further processes are started when the first training has begun
            check_all(options, trainings, plan)
        if options.dry_run:
            return
        make_folder(options.out)
        for step in plan:
            run_step(step, options.out)
        print(f"Bundle: {options.out / 'final' / 'bundle'}; figures: {options.out / 'scores'}")

    return run_command("mistkd release", work)


if __name__ == "__main__":
    sys.exit(main())
