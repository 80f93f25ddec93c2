"""What a network costs, read off its ONNX model: parameters and operations."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper

from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime

# Everything else is negligible beside them.
_COUNTED = ("Conv", "Gemm", "MatMul")


def parameter_count(content: bytes) -> int:
    """Trained values that an ONNX model holds; the export has merged norms with convolutions, and equal tensors."""
    model = onnx.load_from_string(content)
    return sum(prod(tensor.dims) for tensor in model.graph.initializer
               if tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16))


def gflops(content: bytes, shape: Sequence[int]) -> float:
    """Operations of the convolutions and matrix products of one run, in 1e9; a multiply-add counts as two.

    Args:
        content: an ONNX model with one input, whose outputs are shaped by running it once.
        shape: of the input, (n, context, height, width).
    """
    model = onnx.load_from_string(content)
    nodes = [node for node in model.graph.node if node.op_type in _COUNTED]
    shapes = _shapes(model, {name for node in nodes for name in (*node.input[:2], node.output[0])}, shape)
    return sum(2 * prod(shapes[node.output[0]]) * _products(node, shapes) for node in nodes) / 1e9


def _products(node: NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """How many products make up one value of a node's output."""
    return prod(shapes[node.input[1]][1:]) if node.op_type == "Conv" else shapes[node.input[0]][-1]


def _shapes(model: onnx.ModelProto, names: set[str], shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Shapes of values of a model whose input has the given one."""
    graph = model.graph
    known = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer} | {graph.input[0].name: tuple(shape)}
    wanted = sorted(names - set(known))
    del graph.output[:]
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in wanted)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    values = session.run(wanted, {graph.input[0].name: np.zeros(shape, np.float32)})
    return known | {name: value.shape for name, value in zip(wanted, values)}
