"""What a network starts from: a checkpoint of ours as a whole, or a SegFormer encoder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.errors import InputError
from Training.checkpoints import Trained, read_trained
from Training.huggingface import start_from_segformer
from Training.networks import Segmenter
from Training.run import Run


def start_from(network: Segmenter, start: Path, run: Run) -> None:
    """Put the weights of a checkpoint into a network.

    Args:
        network: is overwritten.
        start: checkpoint of `train_teacher` or `distill` (`.ckpt`), or the folder of a SegFormer checkpoint.
        run: whose network it is.

    Raises:
        InputError: it cannot be read, has other sizes, another number of slices or other organs than the network, or
            was trained on a validation case of the run.
    """
    if start.suffix != ".ckpt":
        start_from_segformer(network, start)
        return
    trained = read_trained(start)
    check_organs(start, trained, run)
    check_not_seen(start, trained, run)
    ours, theirs = network.state_dict(), trained.network.state_dict()
    unfit = [name for name, value in ours.items() if name not in theirs or theirs[name].shape != value.shape]
    if unfit or trained.network.config.heads != network.config.heads:  # heads do not show in shapes
        raise InputError(f"{start} has other sizes than the network ({', '.join(unfit[:1]) or 'heads'}): choose "
                         "another checkpoint to start from, or give its sizes.")
    network.load_state_dict(theirs)


def check_organs(checkpoint: Path, trained: Trained, run: Run) -> None:
    """Refuse a checkpoint of other organs.

    Raises:
        InputError: names them.
    """
    if trained.labels != run.manifest.labels:
        raise InputError(f"{checkpoint} knows other organs ({', '.join(label.name for label in trained.labels)}) than "
                         "the prepared data: choose one that was trained on the same.")


def check_not_seen(checkpoint: Path, trained: Trained, run: Run) -> None:
    """Refuse a checkpoint that was trained on a validation case; by content, for a case may have been renamed.

    Raises:
        InputError: names the case.
    """
    data, ours = trained.provenance["data"], run.provenance["data"]
    seen = {data["content_sha256"].get(name): name for name in (*data["training"], *data["unlabelled"])}
    leaked = [name for name in run.split.validation
              if name in data["training"] or ours["content_sha256"][name] in seen]
    if leaked:
        raise InputError(f"{checkpoint} was trained on {', '.join(leaked)}, which --validation names: choose a "
                         "checkpoint that never saw them.")


def checkpoint_facts(checkpoint: Path) -> dict[str, Any]:
    """Which checkpoint it was, and how that came about: its checksum, commit, hardware, steps and minutes."""
    provenance = read_trained(checkpoint).provenance
    facts = {key: provenance[key] for key in ("commit", "hardware", "steps", "minutes")}
    return {"sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(), **facts}


def start_facts(start: str | None) -> dict[str, Any]:
    """The same as an entry of the provenance of a network that started there; nothing for other starts."""
    is_ours = start is not None and Path(start).suffix == ".ckpt"
    return {"start": checkpoint_facts(Path(start))} if start is not None and is_ours else {}
