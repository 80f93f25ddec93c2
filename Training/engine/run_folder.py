"""A run folder and the data of a run: opened, checked and written down before any work starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import lightning
from filelock import FileLock, Timeout
from lightning.pytorch.utilities import rank_zero_only

from MISTKDSegmentLib.errors import InputError, OutputError
from Training.data.manifest import Manifest, read_manifests
from Training.data.prepared import PreparedCase, load_cases
from Training.data.same_patient import check_patients
from Training.engine.checkpoints import LAST, PREVIOUS
from Training.engine.provenance import provenance_of, read_facts, start_checksums, starts, write_facts
from Training.engine.recipe import Recipe
from Training.engine.split import Split, split_of
from Training.engine.trainer_settings import TrainerSettings
from Training.system.files import file_sha256
from Training.system.memory import keep_freed_memory
from Training.system.words import listed

RECIPE_FILE = "recipe.yaml"
LOCK_FILE = ".lock"


class TrainingRun(NamedTuple):
    """Recipe, settings and opened data of a training: all that it needs beside its networks.

    Attributes:
        recipe: what decides the result.
        settings: what to compute on.
        manifest: of the prepared cases.
        split: names of the cases.
        training: labelled and unlabelled cases to train on.
        validation: cases that are never trained on.
        provenance: how networks of this run come about.
    """

    recipe: Recipe
    settings: TrainerSettings
    manifest: Manifest
    split: Split
    training: list[PreparedCase]
    validation: list[PreparedCase]
    provenance: dict[str, Any]

    @property
    def channels(self) -> int:
        """Slices that a network sees together."""
        return len(self.recipe.context_offsets_mm)

    @property
    def classes(self) -> int:
        """Organs and background."""
        return len(self.manifest.labels) + 1


def open_run(data: Sequence[Path], recipe: Recipe, settings: TrainerSettings) -> TrainingRun:
    """Open the data of a run and check that it fits the recipe.

    Raises:
        InputError: the prepared data are damaged, don't fit each other or lack a case, or a patient of the validation
            would be trained on.
        OutputError: there is no room for the unpacked voxels.
    """
    keep_freed_memory()
    manifest = read_manifests(data)
    split = split_of(recipe, manifest)
    _check_organs(manifest, split)
    training = load_cases(data, [*split.training, *split.unlabelled])
    validation = load_cases(data, split.validation)
    check_patients(training, validation)
    return TrainingRun(recipe, settings, manifest, split, training, validation,
                       provenance_of(recipe, manifest, split, settings))


def _check_organs(manifest: Manifest, split: Split) -> None:
    told = {organ for case in manifest.cases if case.name in split.training for organ, n in case.voxels.items() if n}
    missing = [label.name for label in manifest.labels if label.name not in told]
    if missing:
        raise InputError(f"no case to train on has {', '.join(missing)}: prepare data that have, or prepare without "
                         "(--organs).")


@contextmanager
def started_run(folder: Path, run: TrainingRun, *, resume: bool, teachers: Sequence[Path] = ()) -> Iterator[None]:
    """A run folder that is this process's own for the block, with recipe and facts written into it; all is seeded.

    Args:
        folder: of the run.
        run: recipe, data and trainer settings.
        resume: whether to go on with a run.
        teachers: checkpoints that the run was given; none where it trains its own.

    Raises:
        OutputError: the folder cannot be made.
        InputError: it holds a run already and `resume` is False, it holds none and `resume` is True, or its run was
            begun with another recipe, other data, another teacher or other weights to start from; or another training
            writes into it.
    """
    lightning.seed_everything(run.recipe.seed, verbose=False)
    if rank_zero_only.rank != 0:
        yield
        return
    _check_begun(folder, resume)
    with _locked(folder):
        given = " ".join(file_sha256(teacher) for teacher in teachers) or None
        check_same_run(folder, run)
        before = read_facts(folder)
        if before and before.get("given_teacher_sha256") != given:
            raise InputError(f"{folder} was begun with another teacher: name a new --out, or give the --teacher that "
                             "the run began with.")
        run.recipe.write(folder / RECIPE_FILE)
        write_facts(folder, {**run.provenance, "given_teacher_sha256": given,
                             "start_sha256": start_checksums(run.recipe), "starts": starts(before, run.provenance)})
        yield


def check_same_run(folder: Path, run: TrainingRun) -> None:
    """Refuse to go on with a run that was begun with other data or other weights to start from.

    Raises:
        InputError: says which.
    """
    before = read_facts(folder)
    _check_same_data(folder, before, run)
    _check_same_start(folder, before, start_checksums(run.recipe))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make a folder and keep others out of it; the system lets go when the process ends, however it ends."""
    lock = FileLock(folder / LOCK_FILE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(f"another training writes into {folder}: wait for it, or name a new --out.") from None
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}): name another --out.") from None
    try:
        yield
    finally:
        lock.release()


def _check_begun(folder: Path, resume: bool) -> None:
    begun = (folder / RECIPE_FILE).exists()
    trained = any(path.name in (LAST, PREVIOUS) for path in folder.glob("**/*.ckpt"))
    if resume and not begun:
        raise InputError(f"{folder} holds no run to go on with: leave out --resume, or name its folder with --out.")
    if trained and not resume:
        raise InputError(f"{folder} holds a run already: add --resume to go on with it, or name a new --out.")


def _check_same_data(folder: Path, before: dict[str, Any], run: TrainingRun) -> None:
    if not before:
        return
    old, new = before["data"]["sha256"], run.provenance["data"]["sha256"]
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    if changed:
        raise InputError(f"{folder} was begun with other data ({', '.join(changed[:5])}): name a new --out, or give "
                         "the data that the run began with.")


def _check_same_start(folder: Path, before: dict[str, Any], checksums: dict[str, str]) -> None:
    old = before.get("start_sha256", {})
    changed = [name for name, checksum in checksums.items() if old.get(name, checksum) != checksum]
    if changed:
        raise InputError(f"{folder} was begun with other weights than {listed(changed)} names now: name a new --out, "
                         "or put the weights back that the run began with.")
