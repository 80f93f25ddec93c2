"""Networks for bundles, good and bad, made with the onnx package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the networks are built with the onnx package")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT


def tensor(name: str, dims: Sequence[int], kind: type = np.float32) -> Any:
    """A tensor of ones."""
    return onnx.numpy_helper.from_array(np.ones(dims, kind), name)


def sized(dims: Sequence[int]) -> Any:
    """A tensor that says it has these sizes, and holds one value."""
    one = onnx.TensorProto(name="sized", data_type=FLOAT, raw_data=bytes(4))
    one.dims.extend(dims)
    return one


def subgraph(*constants: Any) -> Any:
    return helper.make_graph([], "inner", [], [], list(constants))


def model_of(nodes: Sequence[Any], constants: Sequence[Any], *, opset: int = 17, ir_version: int = 8) -> Any:
    """A network from `pixels` (n, 3, h, w) to `scores` (n, 3, h, w)."""
    graph = helper.make_graph(
        list(nodes), "made up",
        [helper.make_tensor_value_info("pixels", FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("scores", FLOAT, ["n", 3, "h", "w"])], list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = ir_version
    return model


def conv_model(**versions: int) -> Any:
    """The sum of the three slices as the score of each of the three classes."""
    node = helper.make_node("Conv", ["pixels", "weights"], ["scores"])
    return model_of([node], [tensor("weights", [3, 3, 1, 1])], **versions)


def put_network(folder: Path, content: bytes) -> Path:
    """Give a bundle another network, and the checksum of it."""
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    description["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")
    (folder / "model.onnx").write_bytes(content)
    return folder
