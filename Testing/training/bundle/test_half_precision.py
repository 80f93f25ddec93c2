"""Storage in 16 bits: half the size, the same computation, and nothing that does not fit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from MISTKDSegmentLib.model.bundle import default_bundle_folder
from Training.bundle.half_precision import LEAST_VALUES, store_in_half


def model_of(weights, bias):
    """pixels (n, 1, h, w) -> 1 x 1 convolution with the given weights."""
    graph = helper.make_graph(
        [helper.make_node("Conv", ["pixels", "weights", "bias"], ["scores"])], "g",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", len(bias), "h", "w"])],
        [numpy_helper.from_array(weights.reshape(-1, 1, 1, 1), "weights"), numpy_helper.from_array(bias, "bias")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def outputs(content, pixels):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: pixels})[0]


WEIGHTS = np.full(LEAST_VALUES, 1 / 3, np.float32)


def test_weights_are_rounded_to_16_bits_and_computed_with_in_32():
    content = store_in_half(model_of(WEIGHTS, 0 * WEIGHTS))
    scores = outputs(content, np.full((1, 1, 2, 2), 3.0, np.float32))
    assert scores.dtype == np.float32
    # float16 knows a third as 0.33325195 exactly.
    assert scores[0, 0, 0, 0] == np.float32(3 * 0.333251953125)


def test_small_tensors_stay_in_32_bits():
    small = WEIGHTS[1:]
    with pytest.raises(InputError, match="as small as it gets"):
        store_in_half(model_of(small, small))


def test_opset_ir_inputs_and_outputs_stay_as_they_are():
    before, after = (onnx.load_from_string(one) for one in (
        model_of(WEIGHTS, WEIGHTS), store_in_half(model_of(WEIGHTS, WEIGHTS))))
    assert after.ir_version == before.ir_version == 8
    assert after.opset_import == before.opset_import
    assert (after.graph.input, after.graph.output) == (before.graph.input, before.graph.output)
    assert all(tensor.data_type == TensorProto.FLOAT16 for tensor in after.graph.initializer)


@pytest.mark.parametrize("value", [70_000.0, float("nan"), float("inf")])
def test_a_weight_that_does_not_fit_is_refused_by_name(value):
    with pytest.raises(InputError, match="weights"):
        store_in_half(model_of(np.where(np.arange(LEAST_VALUES) == 3, np.float32(value), WEIGHTS), WEIGHTS))


def test_what_is_halved_already_is_refused():
    with pytest.raises(InputError, match="as small as it gets"):
        store_in_half(store_in_half(model_of(WEIGHTS, WEIGHTS)))


def test_the_network_that_ships_halves_and_scores_nearly_the_same():
    content = (default_bundle_folder() / "model.onnx").read_bytes()
    smaller = store_in_half(content)
    assert len(smaller) < 0.55 * len(content)
    pixels = np.random.default_rng(0).random((1, 3, 64, 96), np.float32)
    assert np.abs(outputs(content, pixels) - outputs(smaller, pixels)).max() < 0.05
