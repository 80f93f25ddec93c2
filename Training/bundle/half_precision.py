"""A smaller form of an exported network: weights stored in 16 bits, computation in 32 as before."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from MISTKDSegmentLib.errors import InputError

# Smaller tensors (biases, norms) save nothing worth their rounding.
LEAST_VALUES = 256
LARGEST_HALF = float(np.finfo(np.float16).max)


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
