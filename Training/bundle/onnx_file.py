"""A PyTorch network as an ONNX model that the oldest onnxruntime in use reads."""

from __future__ import annotations

import warnings
from io import BytesIO

import onnx
import torch

from Training.networks.segmenter import Segmenter

# What onnxruntime 1.19, the oldest that Slicer 5.8 can install for Python 3.9, reads.
OPSET = 17
IR_VERSION = 8


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
