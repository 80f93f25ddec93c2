"""A smaller form of a bundle: weights stored in 16 bits, computation in 32 as before, if that costs nearly nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.bundle import Bundle
from Training.bundle.export import copy_picture, write_bundle
from Training.data.scans import Scan
from Training.evaluation.scores import mean_dice, score_cases
from Training.system.files import make_folder
from Training.system.words import counted

# Smaller tensors (biases, norms) save nothing worth their rounding.
LEAST_VALUES = 256
LARGEST_HALF = float(np.finfo(np.float16).max)
# Mean Dice that a smaller form may cost.
LARGEST_LOSS = 0.002


def halve_bundle(bundle: Bundle, folder: Path, scans: Sequence[Scan], *, threads: int = 0) -> Bundle:
    """Write a bundle whose weights are stored in 16 bits, if that costs nearly nothing.

    Args:
        bundle: in 32 bits.
        folder: for the smaller bundle; may be that of `bundle`.
        scans: labelled; both forms segment them through the code that ships.
        threads: of onnxruntime; 0 lets it choose.

    Returns:
        The smaller bundle; it says what it lost. Results recorded for the larger one are not carried over.

    Raises:
        InputError: if the mean Dice falls by 0.002 or more, or cannot be measured.
        OutputError: if a file cannot be written.
    """
    content = store_in_half(bundle.network)
    smaller = replace(bundle, network=content, sha256=hashlib.sha256(content).hexdigest())
    before, after = (mean_dice(score_cases(scans, one, threads=threads)) for one in (bundle, smaller))
    if not before - after < LARGEST_LOSS:
        raise InputError(f"storing {bundle.folder} in 16 bits costs {before - after:.4f} mean Dice on "
                         f"{counted(len(scans), 'case')}, and {LARGEST_LOSS} is too much: keep the 32-bit form.")
    measured = {"of_sha256": bundle.sha256, "bytes_before": len(bundle.network), "bytes_after": len(content),
                "dice_before": before, "dice_after": after, "cases": [scan.name for scan in scans]}
    make_folder(folder)
    copy_picture(bundle.folder, folder)
    return write_bundle(folder, content, name=bundle.name, version=bundle.version, labels=bundle.labels,
                        contract=bundle.input, licence=bundle.licence, postprocessing=bundle.postprocessing,
                        provenance={**bundle.provenance, "half_precision": measured})


def store_in_half(content: bytes) -> bytes:
    """Store the weights of an ONNX model as float16, each followed by a cast back to float32.

    onnxruntime does the casts once, when it loads the model.

    Args:
        content: a model with float32 weights.

    Returns:
        The model with the same inputs, outputs, opset and IR version, about half the size.

    Raises:
        InputError: a weight does not fit into 16 bits, or none is left to shrink.
    """
    model = onnx.load_from_string(content)
    large = [tensor for tensor in model.graph.initializer if _is_large(tensor)]
    if not large:
        raise InputError("the network has no weights in 32 bits: it is as small as it gets.")
    for number, tensor in enumerate(large):
        model.graph.node.insert(number, _halve(tensor))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _is_large(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT and int(np.prod(tensor.dims)) >= LEAST_VALUES


def _halve(tensor: TensorProto) -> onnx.NodeProto:
    """Halve a weight in place; returns the node that gives it back under its old name."""
    name, values = tensor.name, numpy_helper.to_array(tensor)
    if not np.abs(values).max() <= LARGEST_HALF:
        raise InputError(f"the weight {name} reaches {np.abs(values).max():g}, which 16 bits cannot hold: keep the "
                         "32-bit form.")
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
    return helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT)
