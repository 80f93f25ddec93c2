"""Storage in 16 bits: half the size, the same computation, and nothing that does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from MISTKDSegmentLib.model.bundle import PostProcessing, default_bundle_folder, load_bundle
from Testing.training.made_up_scans import MadeUpScan
from Training.bundle import half_precision
from Training.bundle.half_precision import LEAST_VALUES, halve_bundle, store_in_half


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


def test_weights_are_rounded_to_16_bits():
    content = store_in_half(model_of(WEIGHTS, 0 * WEIGHTS))
    scores = outputs(content, np.full((1, 1, 2, 2), 3.0, np.float32))
    assert scores.dtype == np.float32
    # float16 knows a third as 0.33325195 exactly.
    assert scores[0, 0, 0, 0] == np.float32(3 * 0.333251953125)


def test_small_tensors_stay():
    small = WEIGHTS[1:]
    with pytest.raises(InputError, match="as small as it gets"):
        store_in_half(model_of(small, small))


def test_opset_and_inputs_stay():
    before, after = (onnx.load_from_string(one) for one in (
        model_of(WEIGHTS, WEIGHTS), store_in_half(model_of(WEIGHTS, WEIGHTS))))
    assert after.ir_version == before.ir_version == 8
    assert after.opset_import == before.opset_import
    assert (after.graph.input, after.graph.output) == (before.graph.input, before.graph.output)
    assert all(tensor.data_type == TensorProto.FLOAT16 for tensor in after.graph.initializer)


@pytest.mark.parametrize("value", [70_000.0, float("nan"), float("inf")])
def test_large_weight_is_refused_by_name(value):
    with pytest.raises(InputError, match="weights"):
        store_in_half(model_of(np.where(np.arange(LEAST_VALUES) == 3, np.float32(value), WEIGHTS), WEIGHTS))


def test_halved_twice_is_refused():
    with pytest.raises(InputError, match="as small as it gets"):
        store_in_half(store_in_half(model_of(WEIGHTS, WEIGHTS)))


def test_shipped_network_halves():
    content = (default_bundle_folder() / "model.onnx").read_bytes()
    smaller = store_in_half(content)
    assert len(smaller) < 0.55 * len(content)
    pixels = np.random.default_rng(0).random((1, 3, 64, 96), np.float32)
    assert np.abs(outputs(content, pixels) - outputs(smaller, pixels)).max() < 0.05


@pytest.fixture
def halves(tiny_bundle, monkeypatch):
    """Halving stands for any change of the network; the two forms score what is put into the list."""
    dice = [0.9, 0.9]
    turn = iter((0, 1))
    monkeypatch.setattr(half_precision, "store_in_half", lambda content: content)
    monkeypatch.setattr(half_precision, "score_cases", lambda *_, **__: None)
    monkeypatch.setattr(half_precision, "mean_dice", lambda _: dice[next(turn)])
    return load_bundle(tiny_bundle), dice


SCANS = [MadeUpScan(name="x", annotated=("liver",))]


def test_smaller_form_says_its_loss(halves, tmp_path):
    bundle, dice = halves
    dice[:] = [0.9, 0.8985]
    smaller = halve_bundle(bundle, tmp_path / "half", SCANS)
    measured = smaller.provenance["half_precision"]
    assert (measured["dice_before"], measured["dice_after"], measured["cases"]) == (0.9, 0.8985, ["x"])
    assert smaller.postprocessing == {"liver": PostProcessing(largest_component=True)}
    assert "0.8985" in (tmp_path / "half" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("after", [0.8975, 0.5, float("nan")])
def test_lossy_form_is_refused(halves, tmp_path, after):
    bundle, dice = halves
    dice[:] = [0.9, after]
    with pytest.raises(InputError, match=r"costs (0\.0025|0\.4000|nan) mean Dice"):
        halve_bundle(bundle, tmp_path / "half", SCANS)
    assert not (tmp_path / "half").exists()


def test_smaller_form_keeps_the_curves(halves, tmp_path):
    bundle, _ = halves
    for name in ("curves.png", "step_000100.png"):
        (bundle.folder / name).write_bytes(b"picture")
    halve_bundle(bundle, tmp_path / "half", SCANS)
    assert [path.name for path in (tmp_path / "half").glob("*.png")] == ["curves.png"]


def test_smaller_form_has_no_results(halves, tmp_path):
    bundle, _ = halves
    assert halve_bundle(replace(bundle, results={"cases": ["x"]}), tmp_path / "half", SCANS).results == {}
