"""Start from a SegFormer checkpoint in Hugging Face format that lies on disk."""

from __future__ import annotations

import json
import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from MISTKDSegmentLib.errors import InputError
from Training.networks.config import NetworkConfig
from Training.networks.segmenter import Segmenter

CONFIG = "config.json"
# The first that is there is read.
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
FIRST_LAYER = "patch_embeddings.0.proj.weight"
# Their names and ours; what follows or goes between is the same.
NAMES = (
    (r"^(segformer\.)?encoder\.", ""),
    (r"^block\.", "blocks."),
    (r"^layer_norm\.", "layer_norms."),
    (r"\.attention\.self\.", ".attention."),
    (r"\.attention\.output\.dense\.", ".attention.out."),
    (r"\.dwconv\.dwconv\.", ".dwconv."),
)


def start_from_segformer(network: Segmenter, folder: Path) -> None:
    """Load the encoder's weights from a checkpoint of SegFormer (Xie et al. 2021); the decoder stays as it is.

    Where the network sees another number of slices than the checkpoint saw colours (three), each slice's weights of
    the first layer are the mean over the colours times 3 / slices, so that the response to a grey image is the same.

    Args:
        network: its encoder is overwritten.
        folder: `config.json` beside `model.safetensors` or `pytorch_model.bin`, as written for `SegformerModel`,
            `SegformerForSemanticSegmentation` or `SegformerForImageClassification`. Weights are never unpickled as
            code.

    Raises:
        InputError: if a file is missing or damaged, if it is another architecture, or if its sizes are not the
            network's.
    """
    _check_sizes(folder, _read_config(folder), network.config)
    encoder = network.encoder
    weights = _encoder_weights(_read_weights(folder))
    ours = encoder.state_dict()
    if FIRST_LAYER in weights:
        weights[FIRST_LAYER] = _fit_slices(weights[FIRST_LAYER], ours[FIRST_LAYER].shape[1])
    unfit = [name for name, value in ours.items() if name not in weights or weights[name].shape != value.shape]
    if unfit:
        raise InputError(f"{folder} has no weights that fit {unfit[0]} of the encoder; take a whole checkpoint.")
    encoder.load_state_dict({name: weights[name] for name in ours})


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); name the folder of a SegFormer checkpoint."
        ) from None
    except ValueError:
        raise InputError(f"{path} is no JSON; download the checkpoint again.") from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "segformer":
        raise InputError(f"{path} describes a model of type {kind}; name the folder of a SegFormer checkpoint.")
    return config


def _check_sizes(folder: Path, config: dict[str, Any], ours: NetworkConfig) -> None:
    """Refuse a checkpoint whose tokens or attention are not the network's: heads do not show in shapes."""
    expected = {
        "hidden_sizes": ("widths", ours.widths),
        "depths": ("depths", ours.depths),
        "num_attention_heads": ("heads", ours.heads),
        "sr_ratios": ("reductions", ours.reductions),
        "mlp_ratios": ("mlp_ratio at every stage", (ours.mlp_ratio,) * 4),
        "patch_sizes": ("patch sizes", (7, 3, 3, 3)),
        "strides": ("strides", (4, 2, 2, 2)),
    }
    for key, (name, sizes) in expected.items():
        found = config.get(key)
        if found != list(sizes):
            raise InputError(
                f"{folder / CONFIG} has {key} {found}, the network has {name} {list(sizes)}; "
                "choose another checkpoint or other sizes."
            )


def weights_file(folder: Path) -> Path:
    """The file with the weights of a checkpoint.

    Raises:
        InputError: there is none.
    """
    path = next((folder / name for name in WEIGHTS if (folder / name).exists()), None)
    if path is None:
        raise InputError(f"{folder} holds neither {' nor '.join(WEIGHTS)}; download the whole checkpoint.")
    return path


def _read_weights(folder: Path) -> dict[str, Tensor]:
    path = weights_file(folder)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, EOFError, RuntimeError, TypeError, UnpicklingError, SafetensorError):
        raise InputError(f"{path} cannot be read as weights; download the checkpoint again.") from None


def _encoder_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {_our_name(name): value for name, value in weights.items() if re.match(NAMES[0][0], name)}


def _our_name(name: str) -> str:
    for theirs, ours in NAMES:
        name = re.sub(theirs, ours, name)
    return name


def _fit_slices(weight: Tensor, slices: int) -> Tensor:
    colours = weight.shape[1]
    if slices == colours:
        return weight
    return weight.mean(1, keepdim=True).repeat(1, slices, 1, 1) * (colours / slices)
