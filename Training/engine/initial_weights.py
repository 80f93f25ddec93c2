"""Starts of a network: a checkpoint of ours as a whole, published weights of its encoder, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeGuard

from MISTKDSegmentLib.errors import InputError
from Training.engine.checkpoints import Trained, read_trained
from Training.engine.provenance import seen_by
from Training.engine.recipe import lists_for_tuples
from Training.engine.run_folder import TrainingRun
from Training.networks.config import NetworkConfig
from Training.networks.efficientnet_lite import (
    START_DATA,
    START_LICENCE,
    START_SHA256,
    START_VERSION,
    installed_start,
    package_of,
)
from Training.networks.hybrid_encoder import HybridEncoder
from Training.networks.segformer_weights import start_from_segformer, weights_file
from Training.networks.segmenter import Segmenter
from Training.system.files import file_sha256

RANDOM = "random"


def start_network(network: Segmenter, start: str | None, run: TrainingRun) -> None:
    """Put the weights into a network that its recipe starts from.

    Args:
        network: with random weights, some or all of which are overwritten.
        start: as `Recipe.teacher_start`.
        run: whose network it is.

    Raises:
        InputError: the weights are missing or do not fit.
    """
    if start == RANDOM or (start is None and not network.config.is_hybrid):
        return
    if is_checkpoint(start):
        start_from(network, Path(start), run)
    elif isinstance(network.encoder, HybridEncoder):
        network.encoder.convolutions.start(Path(start) if start else installed_start(network.config.early))
    else:
        start_from_segformer(network, Path(start or ""))


def start_from(network: Segmenter, start: Path, run: TrainingRun) -> None:
    """Put the weights of a checkpoint of ours into a network.

    The checkpoint may have seen pixels of another size, to which the network then gets used.

    Args:
        network: is overwritten.
        start: checkpoint of `train_teacher` or `distill`.
        run: whose network it is.

    Raises:
        InputError: it cannot be read, has other sizes, other slices or window, or other organs than the network, or
            has learnt from a validation case of the run.
    """
    trained = read_trained(start)
    check_organs(start, trained, run)
    check_not_seen(start, trained, run)
    check_slices(start, trained, run)
    ours, theirs = _sizes(network.config), _sizes(trained.network.config)
    unfit = [name for name, size in ours.items() if theirs[name] != size]
    if unfit:
        raise InputError(f"{start} has other sizes than the network ({', '.join(unfit)}): choose another checkpoint "
                         "to start from, or give its sizes.")
    network.load_state_dict(trained.network.state_dict())


def _sizes(config: NetworkConfig) -> dict[str, Any]:
    """Sizes that the weights of a network have to fit; not which branches training skips."""
    return {name: value for name, value in lists_for_tuples(asdict(config)).items() if name != "drop_path"}


def check_slices(checkpoint: Path, trained: Trained, run: TrainingRun) -> None:
    """Refuse a checkpoint whose networks see other slices together, or another window.

    Raises:
        InputError: says which.
    """
    theirs = (tuple(trained.contract.context_offsets_mm), tuple(trained.contract.window_hu))
    ours = (tuple(run.recipe.context_offsets_mm), tuple(run.manifest.window_hu))
    for what, one, other in zip(("slices at {} mm", "a window of {} HU"), theirs, ours):
        if one != other:
            raise InputError(f"{checkpoint} sees {what.format(one)}, and this run {what.format(other)}: give the "
                             "options that the checkpoint was trained with, or choose another.")


def check_organs(checkpoint: Path, trained: Trained, run: TrainingRun) -> None:
    """Refuse a checkpoint of other organs.

    Raises:
        InputError: names them.
    """
    if trained.labels != run.manifest.labels:
        raise InputError(f"{checkpoint} knows other organs ({', '.join(label.name for label in trained.labels)}) than "
                         "the prepared data: choose one that was trained on the same.")


def check_not_seen(checkpoint: Path, trained: Trained, run: TrainingRun) -> None:
    """Refuse a checkpoint that has learnt from a validation case, itself or from its start or teacher.

    By content as well, for a case may have been renamed.

    Raises:
        InputError: names the case.
    """
    seen, ours = seen_by(trained.provenance), run.provenance["data"]["content_sha256"]
    leaked = [name for name in run.split.validation if name in seen.values() or ours[name] in seen]
    if leaked:
        raise InputError(f"{checkpoint} was trained on {', '.join(leaked)}, which --validation names: choose a "
                         "checkpoint that never saw them.")


def checkpoint_facts(checkpoint: Path) -> dict[str, Any]:
    """Facts of a checkpoint: which it was, how it came about, and every case that it has learnt from (`seen_by`)."""
    provenance = read_trained(checkpoint).provenance
    told = ("commit", "hardware", "steps", "minutes", "pretrained")
    facts: dict[str, Any] = {key: provenance[key] for key in told if key in provenance}
    if provenance.get("start"):  # of its start as well, and so on to the first; their cases are in "seen"
        facts["start"] = {key: value for key, value in provenance["start"].items() if key != "seen"}
    return {"sha256": file_sha256(checkpoint), **facts, "seen": seen_by(provenance)}


def teacher_facts(checkpoints: Sequence[Path]) -> dict[str, Any]:
    """Facts of one or several teachers: of the first, with the time of all and every case that any has learnt from.

    Where there are several, "members" holds the facts of each.
    """
    members = [checkpoint_facts(checkpoint) for checkpoint in checkpoints]
    if len(members) == 1:
        return members[0]
    seen = {checksum: name for member in members for checksum, name in member["seen"].items()}
    return {**members[0], "minutes": sum(member["minutes"] for member in members), "seen": seen, "members": members}


def start_facts(start: str | None, config: NetworkConfig) -> dict[str, Any]:
    """Facts of a start, as entries of the provenance of a network; none for a random one.

    Args:
        start: as `Recipe.teacher_start`.
        config: of the network.

    Returns:
        "start": facts of a checkpoint of ours; "pretrained": the published weights that its encoder goes back to.
    """
    facts: dict[str, Any] = {"start": checkpoint_facts(Path(start))} if is_checkpoint(start) else {}
    pretrained = _pretrained_facts(start, config)
    return facts | ({"pretrained": pretrained} if pretrained else {})


def _pretrained_facts(start: str | None, config: NetworkConfig) -> dict[str, str]:
    if start == RANDOM or (start is None and not config.is_hybrid):
        return {}
    if is_checkpoint(start):
        return dict(read_trained(Path(start)).provenance.get("pretrained", {}))
    if config.is_hybrid:  # whatever file it was: another checksum is refused
        return {"weights": package_of(config.early), "version": START_VERSION, "licence": START_LICENCE,
                "data": START_DATA, "sha256": START_SHA256[config.early]}
    folder = Path(start or "")
    return {"weights": folder.name, "sha256": file_sha256(weights_file(folder))}


def is_checkpoint(start: str | None) -> TypeGuard[str]:
    """Tell whether a start is a checkpoint of ours."""
    return start is not None and Path(start).suffix == ".ckpt"
