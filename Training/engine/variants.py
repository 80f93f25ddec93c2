"""Variants of one student: what an ablation changes, with everything else the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from Training.engine.checkpoints import read_trained
from Training.engine.initial_weights import RANDOM, start_facts, teacher_facts
from Training.engine.recipe import VIEW_DIVISOR, Recipe
from Training.engine.run_folder import TrainingRun
from Training.engine.tasks import SegmentationTask
from Training.engine.trainings import check_share, new_network, read_teachers, student_task
from Training.networks.segmenter import parameter_count

ALONE, WHOLE = "alone", "recipe"
# What a term weighs where a variant has it and the recipe leaves it out.
TERM_WEIGHTS = {"sequence": 1.0, "relation": 10.0, "channel": 3.0, "logit": 1.0}
# Pixel sizes of an averaged target where the recipe has one alone.
TEACHER_ZOOMS = (0.85, 1.0, 1.2)
COARSE_PIXELS_MM = 2.0


@dataclass(frozen=True)
class Variant:
    """One student of an ablation.

    Attributes:
        what: it is, for people.
        terms: of distillation; None takes those that the recipe has switched on.
        unlabelled: whether the student learns from unlabelled scans too.
        ensemble: whether all teachers speak, and not the first alone.
        zooms: whether the teacher's target is averaged over pixel sizes.
        random_start: whether the student starts at random instead of as the recipe says.
        coarse: whether pixels have 2 mm; views then show as many millimetres.
        no_phases: whether augmentation leaves contrast phases as they are.
    """

    what: str
    terms: tuple[str, ...] | None = None
    unlabelled: bool = False
    ensemble: bool = False
    zooms: bool = False
    random_start: bool = False
    coarse: bool = False
    no_phases: bool = False


VARIANTS = {
    ALONE: Variant("no teacher", terms=()),
    "sequence": Variant("the token sequences", terms=("sequence",)),
    "sequence+relation": Variant("and their affinities", terms=("sequence", "relation")),
    "sequence+channel": Variant("and where each class is seen", terms=("sequence", "channel")),
    "sequence+logit": Variant("and the class probabilities", terms=("sequence", "logit")),
    "all": Variant("all terms of the recipe"),
    "all+unlabelled": Variant("unlabelled scans as well", unlabelled=True),
    "all+ensemble": Variant("class probabilities averaged over all teachers", ensemble=True),
    "all+zooms": Variant("class probabilities averaged over pixel sizes", zooms=True),
    WHOLE: Variant("the recipe with all teachers", unlabelled=True, ensemble=True, zooms=True),
    "alone+random-start": Variant("no teacher, no ImageNet weights", terms=(), random_start=True),
    "all+random-start": Variant("all terms of the recipe, no ImageNet weights", random_start=True),
    "alone+2mm": Variant("no teacher, pixels of 2 mm", terms=(), coarse=True),
    "alone+no-phases": Variant("no teacher, no simulated contrast phases", terms=(), no_phases=True),
}
# Trained where no variants are named, as far as the data and the teachers allow.
USUAL = (ALONE, "sequence", "sequence+logit", "all", "all+unlabelled", "all+ensemble")


def variants_of(run: TrainingRun, teachers: int) -> dict[str, Variant]:
    """The variants that a run's data, its recipe and the number of its teachers allow."""
    recipe = run.recipe
    at_random = recipe.student_start == RANDOM or (recipe.student_start is None
                                                   and not recipe.student_network.is_hybrid)

    def fits(name: str, variant: Variant) -> bool:
        if name == WHOLE:
            return True
        return not ((variant.unlabelled and not run.split.unlabelled) or (variant.ensemble and teachers < 2)
                    or (variant.random_start and at_random)
                    or (variant.coarse and recipe.pixel_spacing_mm == COARSE_PIXELS_MM))

    return {name: variant for name, variant in VARIANTS.items() if fits(name, variant)}


def usual_variants(run: TrainingRun, teachers: int) -> list[str]:
    """The usual ones of them, without those that the recipe makes the same as an earlier one."""
    found: dict[Any, str] = {}
    for name in USUAL:
        if name in variants_of(run, teachers):
            variant = VARIANTS[name]
            found.setdefault((repr(variant_recipe(run.recipe, name, 0)), variant.unlabelled, variant.ensemble), name)
    return list(found.values())


def variant_recipe(recipe: Recipe, name: str, seed: int) -> Recipe:
    """The recipe of a variant."""
    variant = VARIANTS[name]
    distillation = recipe.distillation
    if variant.terms is not None:
        weights: dict[str, Any] = {term: (getattr(distillation, term) or weight) if term in variant.terms else 0.0
                                   for term, weight in TERM_WEIGHTS.items()}
        distillation = replace(distillation, **weights)
    several = distillation.teacher_zooms if len(distillation.teacher_zooms) > 1 else TEACHER_ZOOMS
    if name != WHOLE:
        distillation = replace(distillation, teacher_zooms=several if variant.zooms else (1.0,))
    if not variant.unlabelled:  # the teacher has labelled slices alone to speak of
        distillation = replace(distillation, labelled_weight=distillation.labelled_weight or 1.0)
    changed = replace(recipe, seed=seed, distillation=distillation)
    if variant.random_start:
        changed = replace(changed, student_start=RANDOM)
    if variant.no_phases:
        changed = replace(changed, augmentation=replace(recipe.augmentation, phase=0.0, arterial=0.0))
    if variant.coarse:
        changed = replace(changed, pixel_spacing_mm=COARSE_PIXELS_MM, view=_as_wide(recipe, recipe.view),
                          wide_view=_as_wide(recipe, recipe.wide_view))
    return changed


def _as_wide(recipe: Recipe, view: tuple[int, int]) -> tuple[int, int]:
    """A view of coarse pixels that shows as many millimetres, to the nearest multiple that networks take."""
    height, width = (max(1, round(side * recipe.pixel_spacing_mm / COARSE_PIXELS_MM / VIEW_DIVISOR)) * VIEW_DIVISOR
                     for side in view)
    return height, width


def variant_run(run: TrainingRun, name: str, seed: int) -> TrainingRun:
    """The run of a variant; the same for all in everything else.

    Unlabelled cases are left out unless the variant is about them, so that all others see the same slices.
    """
    recipe, unlabelled = variant_recipe(run.recipe, name, seed), VARIANTS[name].unlabelled
    cases = [case for case in run.training if case.is_labelled or unlabelled]
    data = run.provenance["data"] | ({} if unlabelled else {"unlabelled": []})
    provenance = run.provenance | {"recipe": recipe.as_plain(), "data": data, "variant": name}
    return run._replace(recipe=recipe, training=cases, provenance=provenance)


def variant_task(run: TrainingRun, teachers: Sequence[Path]) -> SegmentationTask:
    """Make the task that trains the student of a variant; a student alone never meets a teacher.

    Args:
        run: what `variant_run` gave.
        teachers: checkpoints; the first speaks where the variant is not about an ensemble. A student alone, which must
            not be too large for them, may have none.

    Raises:
        InputError: a teacher does not fit the run, or the student is too large for it.
    """
    variant = VARIANTS[run.provenance["variant"]]
    chosen = list(teachers if variant.ensemble else teachers[:1])
    if variant.terms != ():
        return student_task(run, read_teachers(run, chosen), teacher_facts(chosen))
    network = new_network(run, run.recipe.student_network, run.recipe.student_start)
    if chosen:
        check_share(network, [read_trained(teacher).network for teacher in chosen])
    provenance: Mapping[str, Any] = {
        **run.provenance, "parameters": {"student": parameter_count(network)},
        **start_facts(run.recipe.student_start, run.recipe.student_network)}
    return SegmentationTask(network, run.recipe, run.recipe.student_schedule, run.manifest, provenance,
                            compiled=run.settings.compile)
