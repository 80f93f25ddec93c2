"""From a trained network to a model bundle that inference reads: ONNX and its description."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

from MISTKDSegmentLib.atomic import atomic_path
from MISTKDSegmentLib.bundle import (
    NETWORK_FILE,
    SCHEMA_VERSION,
    Bundle,
    InputContract,
    PostProcessing,
    load_bundle,
)
from MISTKDSegmentLib.labels import Label
from Training.description import write_description
from Training.networks import Segmenter

# What onnxruntime 1.19, the oldest that Slicer 5.8 can install for Python 3.9, reads.
OPSET = 17
IR_VERSION = 8


def export_bundle(
    network: Segmenter,
    folder: Path,
    *,
    name: str,
    version: str,
    labels: Sequence[Label],
    contract: InputContract,
    licence: str,
    provenance: Mapping[str, Any],
    results: Mapping[str, Any] | None = None,
    postprocessing: Mapping[str, PostProcessing] | None = None,
) -> Bundle:
    """Write a model bundle and read it back.

    Args:
        network: the trained student.
        folder: for `model.onnx` and `model.json`; made if missing.
        name, version, licence: of the model.
        labels: organs in the order of the output channels 1, 2, …
        contract: what the network wants to see.
        provenance: how it was trained.
        results: what it scores.
        postprocessing: clean-up per organ name.

    Returns:
        The bundle, verified.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = to_onnx(network, len(contract.context_offsets_mm))
    description = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "version": version,
        "licence": licence,
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": asdict(contract),
        "labels": [asdict(label) for label in labels],
        "postprocessing": {organ: asdict(rule) for organ, rule in (postprocessing or {}).items()},
        "provenance": dict(provenance),
        "results": dict(results or {}),
    }
    with atomic_path(folder / NETWORK_FILE) as temporary:
        temporary.write_bytes(content)
    write_description(folder, description)
    return load_bundle(folder)


def to_onnx(network: Segmenter, channels: int) -> bytes:
    """Serialise a network with free batch, height and width.

    Args:
        network: takes float32 (n, channels, height, width) in [0, 1].
        channels: slices shown together.

    Returns:
        An ONNX model with input `slices` and output `logits`.
    """
    network = network.cpu().float().eval()
    buffer = BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # The tracing exporter warns of its successor, which would need a further package, and of shape checks.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.rand(2, channels, 64, 96),),
            buffer,  # type: ignore[arg-type]  # the tracing exporter takes files as well
            dynamo=False,
            opset_version=OPSET,
            input_names=["slices"],
            output_names=["logits"],
            dynamic_axes={axis: {0: "n", 2: "h", 3: "w"} for axis in ("slices", "logits")},
        )
    model = onnx.load_from_string(buffer.getvalue())
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model.SerializeToString()


def largest_difference(network: Segmenter, content: bytes, pixels: np.ndarray) -> float:
    """Largest absolute difference between PyTorch's logits and onnxruntime's.

    Args:
        network: the exported network.
        content: the ONNX model.
        pixels: float32 (n, channels, height, width).
    """
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    theirs = session.run(None, {"slices": pixels})[0]
    with torch.no_grad():
        ours = network.cpu().float().eval()(torch.from_numpy(pixels)).numpy()
    return float(np.abs(ours - theirs).max())
