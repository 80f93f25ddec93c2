"""A PyTorch network as an ONNX model that the oldest onnxruntime in use reads, and that computes the same."""

from __future__ import annotations

import warnings
from io import BytesIO

import numpy as np
import onnx
import torch

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.context import context_indices
from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from MISTKDSegmentLib.inference.preprocess import slice_grid
from MISTKDSegmentLib.model.bundle import InputContract
from Training.data.prepared import PreparedCase
from Training.networks.segmenter import Segmenter

# What onnxruntime 1.19, the oldest that Slicer 5.8 can install for Python 3.9, reads.
OPSET = 17
IR_VERSION = 8
# Of PyTorch's logits from onnxruntime's.
LARGEST_DIFFERENCE = 1e-4
SLICES = 4


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
    for node in model.graph.node:
        # An empty input at the end keeps onnxruntime from merging padding with the convolution that follows.
        while node.input and not node.input[-1]:
            node.input.pop()
    onnx.checker.check_model(model)
    return model.SerializeToString()


def check_parity(network: Segmenter, content: bytes, case: PreparedCase, contract: InputContract) -> float:
    """Compare PyTorch with onnxruntime on the four middle slices of a prepared case.

    Args:
        network: what was exported.
        content: the ONNX model.
        case: real slices.
        contract: what the network wants to see.

    Returns:
        The largest difference of a logit.

    Raises:
        InputError: if it is above 1e-4.
    """
    difference = largest_difference(network, content, network_pixels(case, contract))
    if not difference <= LARGEST_DIFFERENCE:
        raise InputError(f"PyTorch and onnxruntime differ by {difference:.2g} on {case.name}, which is more than "
                         f"{LARGEST_DIFFERENCE:g}: update both and export again.")
    return difference


def largest_difference(network: Segmenter, content: bytes, pixels: np.ndarray) -> float:
    """Largest absolute difference between PyTorch's logits and onnxruntime's.

    Args:
        network: the exported network.
        content: the ONNX model.
        pixels: float32 (n, channels, height, width).
    """
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    theirs = session.run(None, {session.get_inputs()[0].name: pixels})[0]
    with torch.no_grad():
        ours = network.cpu().float().eval()(torch.from_numpy(pixels)).numpy()
    return float(np.abs(ours - theirs).max())


def network_pixels(case: PreparedCase, contract: InputContract) -> np.ndarray:
    """The four middle slices of a prepared case as inference would show them.

    Returns:
        float32 (n, context, height, width) in [0, 1].
    """
    count, middle = len(case.image), len(case.image) // 2
    shown = case.image[:].astype(np.float32) / 255
    low, high = contract.window_hu
    spacing_mm = (case.pixel_spacing_mm, case.pixel_spacing_mm, case.slice_spacing_mm)
    volume = Volume(shown * (high - low) + low, spacing_mm, (0.0, 0.0, 0.0), np.eye(3), case.name)
    grid = slice_grid(volume, contract.pixel_spacing_mm, contract.multiple)
    return np.stack([
        grid.to_pixels(shown[context_indices(k, count, case.slice_spacing_mm, contract.context_offsets_mm),
                             grid.rows, grid.columns])
        for k in range(max(0, middle - SLICES // 2), min(count, middle + SLICES // 2))
    ])
