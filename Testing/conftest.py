"""What several test files share: a tiny model bundle whose answers can be worked out by hand."""

from __future__ import annotations

import hashlib
import json
import signal
from dataclasses import asdict
from pathlib import Path

import pytest

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS, Label

# A shell's background jobs ignore Ctrl-C, and so would the processes that tests start and stop with it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TINY_LABELS = tuple(label for label in ABDOMEN_LABELS if label.name in ("liver", "spleen"))


def write_tiny_bundle(folder: Path, *, pixel_spacing_mm: float = 2.0,
                      labels: tuple[Label, ...] = TINY_LABELS) -> Path:
    """A bundle that looks at each voxel alone: liver from 75 to 235 HU, spleen above, background below."""
    folder.mkdir(parents=True, exist_ok=True)
    network = _threshold_network()
    description = {
        "schema_version": 1, "name": "tiny", "version": "1.0", "licence": "Apache-2.0",
        "labels": [asdict(label) for label in labels],
        "input": {"window_hu": [-125, 275], "pixel_spacing_mm": pixel_spacing_mm, "multiple": 8,
                  "context_offsets_mm": [-5.0, 0.0, 5.0], "slice_step_mm": 3.0},
        "postprocessing": {"liver": {"largest_component": True, "minimum_ml": 0.0}},
        "sha256": hashlib.sha256(network).hexdigest(), "provenance": {}, "results": {},
    }
    (folder / "model.onnx").write_bytes(network)
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


def _threshold_network() -> bytes:
    """1 x 1 convolution of the middle slice: scores 0, 10 v - 5 and 40 v - 32 for v = (HU + 125) / 400."""
    onnx = pytest.importorskip("onnx", reason="the tiny model is built with the onnx package")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weights = [0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 40.0, 0.0]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["pixels", "weights", "bias"], ["scores"])], "tiny",
        [helper.make_tensor_value_info("pixels", floats, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("scores", floats, ["n", 3, "h", "w"])],
        [helper.make_tensor("weights", floats, [3, 3, 1, 1], weights),
         helper.make_tensor("bias", floats, [3], [0.0, -5.0, -32.0])])
    # The oldest onnxruntime in use, 1.19, reads IR 10 and opset 21 at most.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "tiny_bundle")
