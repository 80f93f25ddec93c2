"""Train one student alone, by the sequence loss and with each further term under one budget, and compare."""

from __future__ import annotations

if not __package__:
    import clone  # noqa: F401

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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
from Training.engine.start import checkpoint_facts, start_facts
from Training.engine.tasks import SegmentationTask
from Training.engine.trainings import check_share, new_network, read_teacher, student_task
from Training.evaluation.ablation_table import ALONE, VariantScores, print_ablation, write_table
from Training.networks.segmenter import parameter_count
from Training.system.files import check_folder

# What a term weighs where the recipe leaves it out.
TERM_WEIGHTS = {"sequence": 1.0, "relation": 10.0, "channel": 3.0, "logit": 1.0}
VARIANTS: dict[str, tuple[str, ...]] = {
    ALONE: (),
    "sequence": ("sequence",),
    "sequence+relation": ("sequence", "relation"),
    "sequence+channel": ("sequence", "channel"),
    "sequence+logit": ("sequence", "logit"),
    "all": ("sequence", "relation", "channel", "logit"),
}
UNLABELLED = "all+unlabelled"


def variants_of(run: TrainingRun) -> dict[str, tuple[str, ...]]:
    """The variants that a run's data allow."""
    return VARIANTS | ({UNLABELLED: VARIANTS["all"]} if run.split.unlabelled else {})


def variant_run(run: TrainingRun, variant: str, seed: int) -> TrainingRun:
    """The run with the terms of a variant; the same for all in everything else.

    Unlabelled cases are left out unless the variant is about them, so that all others see the same slices.
    """
    weights = {term: getattr(run.recipe.distillation, term) or TERM_WEIGHTS[term] for term in TERM_WEIGHTS}
    terms = variants_of(run)[variant]
    chosen: dict[str, Any] = {term: weight if term in terms else 0.0 for term, weight in weights.items()}
    distillation = replace(run.recipe.distillation, **chosen)
    recipe = replace(run.recipe, seed=seed, distillation=distillation)
    cases = [case for case in run.training if case.is_labelled or variant == UNLABELLED]
    data = run.provenance["data"] | ({} if variant == UNLABELLED else {"unlabelled": []})
    provenance = run.provenance | {"recipe": recipe.as_plain(), "data": data, "variant": variant}
    return run._replace(recipe=recipe, training=cases, provenance=provenance)


def variant_task(run: TrainingRun, teacher: Path) -> SegmentationTask:
    """What trains the student of a variant; a student alone never meets the teacher.

    Raises:
        InputError: the teacher does not fit the run, or the student is too large for it.
    """
    trained = read_teacher(run, teacher)
    if any(getattr(run.recipe.distillation, term) for term in TERM_WEIGHTS):
        return student_task(run, [trained.network], checkpoint_facts(teacher))
    network = new_network(run, run.recipe.student_network, run.recipe.student_start)
    check_share(network, [trained.network])
    provenance = {**run.provenance, "parameters": {"student": parameter_count(network)},
                  **start_facts(run.recipe.student_start, run.recipe.student_network)}
    return SegmentationTask(network, run.recipe, run.recipe.student_schedule, run.manifest, provenance,
                            compiled=run.settings.compile)


def score_variant(
    variant: str, run: TrainingRun, data: Sequence[Path], checkpoint: Path, folder: Path
) -> VariantScores:
    """Score a student on the prepared validation cases and write `results.json` beside its checkpoint."""
    # Not at the top: machines that train need none of what scoring does until here.
    from Training.bundle.export import export_trained
    from Training.data.layouts.registry import open_dataset
    from Training.evaluation.report import write_results
    from Training.evaluation.scores import score_cases, summarise

    trained = read_trained(checkpoint)
    found = {name: scan for one in data for name, scan in
             open_dataset(one, trained.labels, layout="prepared").scans.items()}
    with TemporaryDirectory() as temporary:
        bundle = export_trained(trained, Path(temporary), name=variant, version=f"seed {run.recipe.seed}")
        scores = score_cases([found[name] for name in run.split.validation], bundle)
    facts = {"bundle": {"name": variant, "version": bundle.version, "sha256": bundle.sha256},
             "data": run.manifest.source, "layout": "prepared"}
    write_results(folder, scores, facts, trained.labels)
    summary = summarise(scores)["millimetre"]
    return VariantScores(
        variant=variant, seed=run.recipe.seed, dice=summary["mean"]["dice"], hd95_mm=summary["mean"]["hd95_mm"],
        surface_dice_2mm=summary["mean"]["surface_dice_2mm"],
        organs={organ: values["dice"] for organ, values in summary["organs"].items()},
        steps=trained.provenance["steps"], minutes=trained.provenance["minutes"],
    )


def ablation_parser() -> Parser:
    """The options of this script."""
    parser = training_parser("ablate", __doc__)
    parser.add_argument("--teacher", type=Path, required=True, metavar="CHECKPOINT", help="of all the students")
    parser.add_argument("--variants", type=list[str] | None,
                        help=f"of {', '.join([*VARIANTS, UNLABELLED])}; left out, all that the data allow")
    parser.add_argument("--seeds", type=list[int] | None,
                        help="train every variant once for each; left out, the recipe's seed")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = parse(ablation_parser(), argv)
    return run_command("ablate", lambda: _run(options))


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
    tasks = ((name, variant_task(one, options.teacher)) for name, one in runs.items())
    if options.dry_run:
        report(list(tasks), run)
        return
    read_teacher(run, options.teacher)
    with started_run(options.out, run, resume=options.resume, teachers=[options.teacher]):
        for name, task in tasks:
            one = runs[name]
            lightning.seed_everything(one.recipe.seed, verbose=False)
            fit(task, one.training, one.validation, options.out / name, settings)
        # After all trainings: other processes would have to wait for the first, which alone scores.
        if rank_zero_only.rank == 0:
            folders = {name: options.out / name for name in runs}
            results = [score_variant(one.provenance["variant"], one, options.data, folders[name] / LAST, folders[name])
                       for name, one in runs.items()]
            _show(options.out, results, run.provenance)


def _show(folder: Path, results: Sequence[VariantScores], facts: Mapping[str, Any]) -> None:
    write_table(folder, results, facts)
    print_ablation(results, Console())
    print(f"Written: ablation.csv, .md, .json and .png in {folder}")


def _chosen(options: Namespace, run: TrainingRun) -> list[str]:
    allowed: Mapping[str, Any] = variants_of(run)
    wrong = [name for name in options.variants or () if name not in allowed]
    if wrong:
        raise InputError(f"there is no variant {', '.join(wrong)}: choose from {', '.join(allowed)}.")
    return list(options.variants or allowed)


if __name__ == "__main__":
    sys.exit(main())
