"""The split of a run: cases to train on, to validate on, and to show to the student beside its teacher alone."""

from __future__ import annotations

from typing import NamedTuple

from MISTKDSegmentLib.errors import InputError
from Training.data.manifest import Manifest
from Training.engine.recipe import Recipe


class Split(NamedTuple):
    """Names of the cases of a run.

    Attributes:
        training: labelled cases to train on.
        validation: labelled cases that are never trained on.
        unlabelled: cases without reference, of use in distillation alone.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    unlabelled: tuple[str, ...]


def split_of(recipe: Recipe, manifest: Manifest) -> Split:
    """The split that a recipe makes of prepared cases.

    Raises:
        InputError: a named case is missing, a validation case has no reference, or nothing is left to train on.
    """
    labelled = {case.name: bool(case.annotated) for case in manifest.cases}
    missing = sorted({*recipe.validation, *(recipe.training or ())} - set(labelled))
    if missing:
        raise InputError(f"the prepared data have no case {', '.join(missing)}: name cases of yours with --validation "
                         "and --training.")
    blind = [name for name in recipe.validation if not labelled[name]]
    if blind:
        raise InputError(f"{', '.join(blind)} has no reference: name labelled cases with --validation.")
    chosen = labelled if recipe.training is None else recipe.training
    rest = [name for name in chosen if name not in recipe.validation]
    training = tuple(name for name in rest if labelled[name])
    if not training:
        raise InputError("no labelled case is left to train on: name fewer cases with --validation.")
    return Split(training, tuple(recipe.validation), tuple(name for name in rest if not labelled[name]))
