"""Cross-validate: for each fold train teacher and student without its cases, score both there, and pool all cases."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console

from MISTKDSegmentLib.errors import InputError, OutputError, SegmentError
from Training import evaluate
from Training.cli.command import Parser, parse, run_command
from Training.cli.scan_options import chosen_scans
from Training.cli.training_options import recipe_of, trainer_settings_of, training_parser
from Training.data.layouts.registry import open_dataset
from Training.data.manifest import Manifest, read_manifests
from Training.engine.checkpoints import LAST
from Training.engine.dry_run import report
from Training.engine.folds import Folds, chosen_folds, fold_recipe, read_folds
from Training.engine.provenance import read_facts
from Training.engine.run_folder import RECIPE_FILE, TrainingRun, check_same_run, open_run, started_run
from Training.engine.tasks import SegmentationTask
from Training.engine.trainings import distill, student_task, teacher_task, train_teacher
from Training.evaluation.comparison import read_results
from Training.evaluation.pooled_scores import Pooled, read_scores, write_pooled
from Training.system.files import check_folder, make_folder, write_json
from Training.system.words import duration, listed

FOLDS = Path(__file__).parent / "recipes" / "synapse-abdomen" / "folds.yaml"
BESIDE = Path(__file__).parents[1] / "Resources" / "Results" / "student-without-postprocessing.json"
FOLDS_FILE = "folds.json"
STUDENT, TEACHER = "student", "teacher"
# No post-processing: whoever chose it on a fold's own cases would flatter the figures.
CHECKPOINTS = {STUDENT: Path("student") / LAST, TEACHER: Path("teacher") / LAST}


def fold_folder(out: Path, number: int) -> Path:
    """Where a fold is trained and scored."""
    return out / f"fold{number}"


def results_file(out: Path, number: int, network: str) -> Path:
    """Where the scores of a fold's network are."""
    return fold_folder(out, number) / "scores" / network / "results.json"


def is_scored(out: Path, number: int) -> bool:
    """Whether both networks of a fold are trained and scored."""
    return all(results_file(out, number, network).is_file() for network in CHECKPOINTS)


def do_fold(run: TrainingRun, out: Path, number: int, scans: Path, threads: int) -> None:
    """Train both networks of a fold and score them; what is done already is left.

    Raises:
        InputError: the fold was begun with another recipe, other data or other weights to start from.
        SegmentError: a training or an evaluation failed.
    """
    folder = fold_folder(out, number)
    begun = (folder / RECIPE_FILE).exists()
    done = is_scored(out, number)
    if rank_zero_only.rank == 0:
        print(f"fold {number} ({listed(run.split.validation)}): "
              f"{'done before' if done else 'goes on' if begun else 'begins'}", flush=True)
    if done:
        return
    with started_run(folder, run, resume=begun):
        distill(run, [train_teacher(run, folder / "teacher")], folder / "student")
    if rank_zero_only.rank == 0:
        for network, checkpoint in CHECKPOINTS.items():
            _score(folder / checkpoint, results_file(out, number, network).parent, run, scans, threads)


def _score(checkpoint: Path, folder: Path, run: TrainingRun, scans: Path, threads: int) -> None:
    code = evaluate.main(["--model", str(checkpoint), "--data", str(scans), "--cases", *run.split.validation, "--out",
                          str(folder), "--threads", str(threads)])
    if code:
        error = {InputError.exit_code: InputError, OutputError.exit_code: OutputError}.get(code, SegmentError)
        raise error(f"{checkpoint} could not be scored for the reason above: mend it and give the same command again.")


def check_begun(out: Path, folds: Folds, manifest: Manifest, recipe: Mapping[str, Any]) -> None:
    """Refuse to pool folds of different data, recipes or files of folds.

    Raises:
        InputError: says what differs.
    """
    try:
        before = json.loads((out / FOLDS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise InputError(f"{out / FOLDS_FILE} cannot be read ({error}): name a new --out.") from None
    if before["folds"] != [list(fold) for fold in folds]:
        raise InputError(f"{out} was begun with other folds: name a new --out, or give the file that it began with.")
    changed = [name for name in {*before["recipe"], *recipe} if before["recipe"].get(name) != recipe.get(name)]
    if changed:
        raise InputError(f"{out} was begun with another recipe ({listed(sorted(changed))}), and every fold needs the "
                         "same: name a new --out.")
    data = {entry.name: entry.sha256 for entry in manifest.cases}
    for number in range(len(folds)):
        facts = read_facts(fold_folder(out, number))
        if facts and facts["data"]["sha256"] != data:
            raise InputError(f"fold {number} in {out} was begun with other data: name a new --out, or give the data "
                             "that it began with.")


def pool(out: Path, folder: Path, folds: Folds, recipe: Mapping[str, Any], beside: Path | None) -> None:
    """Pool the folds that are done; arguments and errors as of `write_pooled`.

    Args:
        out: of the folds.
        folder: for the table.
        folds: names of the cases.
        recipe: of every fold.
        beside: results.json of the measured split, to be shown beside.
    """
    done = [number for number in range(len(folds)) if is_scored(out, number)]
    results = {network: [scores for number in done for scores in read_scores(results_file(out, number, network))]
               for network in CHECKPOINTS}
    pooled = Pooled(
        results=results, folds=folds, done=done, recipe=recipe,
        trainings={number: training_facts(fold_folder(out, number)) for number in done},
        beside=read_results(beside) if beside else None,
        colors=read_results(results_file(out, done[0], STUDENT)).get("colors"))
    write_pooled(folder, pooled)
    print((folder / "crossvalidation.md").read_text(encoding="utf-8"))
    print(f"Written: crossvalidation.md, .json and .png in {folder}")


def training_facts(folder: Path) -> dict[str, Any]:
    """Commits and hardware with which a fold was trained."""
    facts = read_facts(folder)
    return {"commits": sorted({start["commit"] for start in facts["starts"]}), "hardware": facts["hardware"]}


def crossvalidation_parser() -> Parser:
    """The options of this script."""
    parser = training_parser("mistkd crossvalidate", __doc__)
    parser.add_argument("--scans", type=Path, required=True, metavar="FOLDER",
                        help="the scans that the cases were prepared from; they are scored on their own grid")
    parser.add_argument("--folds-file", type=Path, default=FOLDS, metavar="FILE",
                        help="YAML with folds: [[CASE, CASE], [CASE, CASE]]; left out, the published folds of the "
                        "Synapse cases")
    parser.add_argument("--folds", type=int, nargs="+", metavar="N",
                        help="do these folds, from 0, and pool whatever is done; left out, all. Several processes may "
                        "do different folds in one OUT")
    parser.add_argument("--beside", type=Path, metavar="FILE",
                        help="results.json of the measured split, to be shown beside; left out, that of the shipped "
                        "model, where this is a clone")
    parser.add_argument("--document", type=Path, metavar="FOLDER",
                        help="where crossvalidation.md, .json and .png go; left out, RUN")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of onnxruntime; 0 lets it choose")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(crossvalidation_parser(), argv)
    return run_command("mistkd crossvalidate", lambda: _run(options))


def _run(options: Namespace) -> None:
    recipe = replace(recipe_of(options), validation=())
    settings = trainer_settings_of(options, recipe.teacher_schedule.batch_size, recipe.student_schedule.batch_size)
    check_folder(options.out)
    check_folder(options.document or options.out)
    manifest = read_manifests(options.data)
    folds = read_folds(options.folds_file, manifest)
    numbers = chosen_folds(options.folds, folds)
    chosen_scans(open_dataset(options.scans, manifest.labels),
                 Namespace(data=options.scans, split=None, cases=[name for fold in folds for name in fold]))
    check_begun(options.out, folds, manifest, recipe.as_plain())
    runs = {number: open_run(options.data, fold_recipe(recipe, folds[number]), settings) for number in numbers}
    waiting = [number for number in numbers if not is_scored(options.out, number)]
    # All of them: a network may start from one that saw a later fold's cases.
    for number, run in runs.items():
        check_same_run(fold_folder(options.out, number), run)
        if number in waiting:
            _tasks(run)
    if options.dry_run:
        seconds = report(_tasks(runs[waiting[0]]), runs[waiting[0]]) if waiting else 0.0
        Console().print(f"{len(waiting)} of {len(folds)} folds wait, each with these two trainings: about "
                        f"{duration(len(waiting) * seconds)}, and scoring.")
        return
    make_folder(options.out)
    if rank_zero_only.rank == 0:
        write_json(options.out / FOLDS_FILE, {"folds": folds, "recipe": recipe.as_plain()})
    for number, run in runs.items():
        do_fold(run, options.out, number, options.scans, options.threads)
    if rank_zero_only.rank == 0:
        beside = options.beside or (BESIDE if BESIDE.is_file() else None)
        pool(options.out, options.document or options.out, folds, recipe.as_plain(), beside)


def _tasks(run: TrainingRun) -> list[tuple[str, SegmentationTask]]:
    """Both trainings of a fold, made to find out whether they can be, and what they cost."""
    # A teacher of its own for the student, which freezes it.
    return [("teacher", teacher_task(run)), ("student", student_task(run, [teacher_task(run).network]))]


if __name__ == "__main__":
    sys.exit(main())
