"""Folds of a cross-validation: written down in a file, each a list of cases that its networks never see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.errors import InputError
from Training.data.manifest import Manifest
from Training.engine.recipe import Recipe
from Training.system.files import read_yaml
from Training.system.words import listed

Folds = tuple[tuple[str, ...], ...]


def read_folds(path: Path, manifest: Manifest) -> Folds:
    """Read the folds of a file.

    Args:
        path: YAML with `folds`, a list of lists of case names.
        manifest: of the prepared cases.

    Raises:
        InputError: it cannot be read, has fewer than two folds or an empty one, or names a case that is unknown, named
            twice, or without reference.
    """
    folds = _parse(path, read_yaml(path))
    names = [name for fold in folds for name in fold]
    labelled = {entry.name: bool(entry.annotated) for entry in manifest.cases}
    wrong = {
        "that the prepared data do not have: name cases of yours": [name for name in names if name not in labelled],
        "twice: name each case once": [name for name, count in Counter(names).items() if count > 1],
        "without reference: name labelled cases": [name for name in names if not labelled.get(name, True)],
    }
    for what, cases in wrong.items():
        if cases:
            raise InputError(f"{path} names {listed(dict.fromkeys(cases))} {what}.")
    return folds


def _parse(path: Path, document: Any) -> Folds:
    folds = document.get("folds") if isinstance(document, dict) else None
    if not isinstance(folds, list) or not all(isinstance(fold, list) and fold for fold in folds) or len(folds) < 2:
        raise InputError(f'{path} has no list "folds" of two or more lists of cases: write it as '
                         "folds: [[case1, case2], [case3, case4]].")
    return tuple(tuple(str(name) for name in fold) for fold in folds)


def chosen_folds(numbers: Sequence[int] | None, folds: Folds) -> list[int]:
    """The numbers of the folds to do, from 0, each once; all where none are given.

    Raises:
        InputError: there is no such fold.
    """
    chosen = list(dict.fromkeys(range(len(folds)) if numbers is None else numbers))
    wrong = [str(number) for number in chosen if not 0 <= number < len(folds)]
    if wrong or not chosen:
        raise InputError(f"--folds names {listed(wrong) or 'none'}: name some of 0 to {len(folds) - 1}.")
    return chosen


def fold_recipe(recipe: Recipe, fold: Sequence[str]) -> Recipe:
    """The recipe of a fold: its cases are for validation, and for nothing else."""
    training = recipe.training
    rest = None if training is None else tuple(name for name in training if name not in fold)
    return replace(recipe, validation=tuple(fold), training=rest)
