"""Train variants of one student under one budget, alone and distilled in different ways, and compare them."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import lightning
from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console

from MISTKDSegmentLib.errors import InputError
from Training.cli.command import Parser, parse, run_command
from Training.cli.training_options import recipe_of, trainer_settings_of, training_parser
from Training.engine.checkpoints import LAST, read_trained
from Training.engine.dry_run import report
from Training.engine.fit import fit
from Training.engine.run_folder import TrainingRun, open_run, started_run
from Training.engine.variants import USUAL, VARIANTS, usual_variants, variant_run, variant_task, variants_of
from Training.system.files import check_folder

if TYPE_CHECKING:
    from Training.evaluation.ablation_table import VariantScores


def score_variant(run: TrainingRun, options: Namespace, checkpoint: Path, folder: Path) -> VariantScores:
    """Score a student on the validation cases and write `results.json` beside its checkpoint.

    Args:
        run: of the variant.
        options: `data`, the prepared cases; `scans`, what they were prepared from, or None; `phases`, whether
            simulated contrast phases are scored as well.
        checkpoint: of the student.
        folder: for the results.
    """
    # Not at the top: machines that train need none of what scoring does until here.
    from Training.bundle.export import export_trained
    from Training.data.layouts.registry import open_dataset
    from Training.evaluation.ablation_table import variant_scores
    from Training.evaluation.report import write_results
    from Training.evaluation.scores import score_cases
    from Training.evaluation.simulated_phases import PHASES, phase_dice, scans_in

    trained, variant = read_trained(checkpoint), run.provenance["variant"]
    sets = [open_dataset(options.scans, trained.labels)] if options.scans else [
        open_dataset(one, trained.labels, layout="prepared") for one in options.data]
    found = {name: scan for one in sets for name, scan in one.scans.items()}
    scans = [found[name] for name in run.split.validation]
    with TemporaryDirectory() as temporary:
        bundle = export_trained(trained, Path(temporary), name=variant, version=f"seed {run.recipe.seed}")
        scores = score_cases(scans, bundle)
        phases = phase_dice({phase: score_cases(scans_in(phase, scans, bundle.input.window_hu), bundle)
                             for phase in PHASES}) if options.phases else {}
    facts = {"bundle": {"name": variant, "version": bundle.version, "sha256": bundle.sha256},
             "data": run.manifest.source, "layout": sets[0].layout, "phases": phases}
    write_results(folder, scores, facts, trained.labels)
    return variant_scores(variant, run.recipe.seed, scores, {name: dice["mean"] for name, dice in phases.items()},
                          steps=trained.provenance["steps"], minutes=trained.provenance["minutes"])


def ablation_parser() -> Parser:
    """The options of this script."""
    parser = training_parser("mistkd ablate", __doc__)
    parser.add_argument("--teacher", type=Path, nargs="+", required=True, metavar="CHECKPOINT",
                        help="of all the students; of several, the first, but where a variant is about all of them")
    parser.add_argument("--variants", type=list[str] | None,
                        help=f"of {', '.join(VARIANTS)}; left out, those of {', '.join(USUAL)} that the data and the "
                        "teachers allow")
    parser.add_argument("--seeds", type=list[int] | None,
                        help="train every variant once for each; left out, the recipe's seed")
    parser.add_argument("--scans", type=Path, metavar="FOLDER",
                        help="score on the scans that the cases were prepared from; left out, on the prepared cases")
    parser.add_argument("--phases", action="store_true", help="score simulated contrast phases as well")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(ablation_parser(), argv)
    return run_command("mistkd ablate", lambda: _run(options))


def _run(options: Namespace) -> None:
    recipe = recipe_of(options)
    settings = trainer_settings_of(options, recipe.student_schedule.batch_size)
    check_folder(options.out)
    if not recipe.validation:
        raise InputError("validation names no case: name those that the variants are scored on.")
    run = open_run(options.data, recipe, settings)
    runs = {f"{variant}-seed{seed}": variant_run(run, variant, seed)
            for seed in options.seeds or [recipe.seed] for variant in _chosen(options, run)}
    for one in runs.values():
        one.recipe.check()
        variant_task(one, options.teacher)  # whatever is wrong with the last is found before the first is trained
    if options.scans:
        _check_scans(options.scans, run)
    tasks = ((name, variant_task(one, options.teacher)) for name, one in runs.items())
    if options.dry_run:
        report(list(tasks), run)
        return
    with started_run(options.out, run, resume=options.resume, teachers=options.teacher):
        for name, task in tasks:
            one = runs[name]
            lightning.seed_everything(one.recipe.seed, verbose=False)
            fit(task, one.training, one.validation, options.out / name, settings)
        # After all trainings: other processes would have to wait for the first, which alone scores.
        if rank_zero_only.rank == 0:
            results = [score_variant(one, options, options.out / name / LAST, options.out / name)
                       for name, one in runs.items()]
            _show(options.out, results, run.provenance)


def _show(folder: Path, results: Sequence[VariantScores], facts: Mapping[str, Any]) -> None:
    from Training.evaluation.ablation_table import print_ablation, write_table

    write_table(folder, results, facts)
    print_ablation(results, Console())
    print(f"Written: ablation.csv, .md, .json and .png in {folder}")


def _check_scans(scans: Path, run: TrainingRun) -> None:
    from Training.cli.scan_options import chosen_scans
    from Training.data.layouts.registry import open_dataset

    chosen_scans(open_dataset(scans, run.manifest.labels),
                 Namespace(data=scans, split=None, cases=run.split.validation))


def _chosen(options: Namespace, run: TrainingRun) -> list[str]:
    allowed = variants_of(run, len(options.teacher))
    wrong = [name for name in options.variants or () if name not in allowed]
    if wrong:
        raise InputError(f"there is no variant {', '.join(wrong)} of these data and teachers: choose from "
                         f"{', '.join(allowed)}.")
    return list(options.variants or usual_variants(run, len(options.teacher)))


if __name__ == "__main__":
    sys.exit(main())
