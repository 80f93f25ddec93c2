"""Checkpoints: complete in themselves, and read back only if undamaged. `fit.py` writes them."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.bundle import InputContract, parse_label
from MISTKDSegmentLib.model.labels import Label
from Training.networks.config import NetworkConfig
from Training.networks.segmenter import Segmenter

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
# Where a checkpoint says what it holds.
DESCRIPTION = "trained"
_PREFIX = "network."


@dataclass(frozen=True)
class Trained:
    """A trained network with all that its use needs.

    Attributes:
        network: with the averaged weights.
        labels: organs of the output channels 1, 2, …
        contract: what the network wants to see.
        provenance: how it was trained.
    """

    network: Segmenter
    labels: tuple[Label, ...]
    contract: InputContract
    provenance: dict[str, Any]


def usable_checkpoint(folder: Path) -> Path | None:
    """The newest undamaged checkpoint of a run; a damaged one is removed, which is said on standard error.

    Raises:
        InputError: if there are checkpoints and all are damaged.
    """
    found = [path for path in (folder / LAST, folder / PREVIOUS) if path.exists()]
    damaged: list[Path] = []
    for path in found:
        if is_whole(path):
            for other in damaged:
                print(f"{other} is damaged; the run goes on from {path}.", file=sys.stderr)
                other.unlink(missing_ok=True)  # or it would take the place of the good one before
            return path
        damaged.append(path)
    if damaged:
        names = " and ".join(str(path) for path in damaged)
        raise InputError(f"{names} cannot be read any more: remove {folder} and train anew.")
    return None


def steps_done(checkpoint: Path) -> int:
    """Optimiser steps behind a checkpoint."""
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["global_step"])


def is_whole(path: Path) -> bool:
    """Tell whether all parts of a checkpoint match the checksums in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError):
        return False


def describe(network: Segmenter, labels: tuple[Label, ...], contract: InputContract, provenance: Mapping[str, Any]
             ) -> dict[str, Any]:
    """Entries, in plain types, that `read_trained` needs beside the weights."""
    return {
        "network": asdict(network.config),
        "labels": [asdict(label) for label in labels],
        "contract": asdict(contract),
        "provenance": dict(provenance),
    }


def read_trained(checkpoint: Path) -> Trained:
    """A network from a checkpoint of `train_teacher` or `distill`.

    Raises:
        InputError: if the file is missing, damaged or holds something else.
    """
    if checkpoint.is_file() and not zipfile.is_zipfile(checkpoint):
        raise InputError(f"{checkpoint} is no checkpoint, or is damaged: name the last.ckpt of a training run.")
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        description = content[DESCRIPTION]
        labels = tuple(parse_label(entry) for entry in description["labels"])
        contract = InputContract(**description["contract"])
        config = NetworkConfig(**description["network"])
        network = Segmenter(len(contract.context_offsets_mm), len(labels) + 1, config)
        load_weights(network, content["state_dict"])
        return Trained(network.eval(), labels, contract, description["provenance"])
    except FileNotFoundError:
        raise InputError(f"{checkpoint} does not exist: name a checkpoint of a training run.") from None
    except UnpicklingError:
        raise InputError(f"{checkpoint} is no checkpoint of ours: name the last.ckpt of a training run.") from None
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, EOFError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{checkpoint} holds no trained network ({reason}): train it anew.") from None


def load_weights(network: Segmenter, state: Mapping[str, Any]) -> None:
    """Put the weights of a training task into its network."""
    own = {key.removeprefix(_PREFIX): value for key, value in state.items() if key.startswith(_PREFIX)}
    network.load_state_dict(own)
