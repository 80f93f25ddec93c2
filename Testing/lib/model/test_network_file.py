"""A network's file is data: what would make onnxruntime do more than run one plain network is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from MISTKDSegmentLib.model.bundle import default_bundle_folder
from MISTKDSegmentLib.model.network_file import check_network
from Testing.corpus.networks import conv_model, sized, subgraph, tensor

onnx = pytest.importorskip("onnx", reason="the networks are built with the onnx package")
helper, TensorProto = onnx.helper, onnx.TensorProto
PATH = Path("some", "model.onnx")


def check(model: Any, context: int = 3, classes: int = 3) -> None:
    content = model if isinstance(model, bytes) else model.SerializeToString()
    check_network(PATH, content, context=context, classes=classes)


def refuses(model: Any, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        check(model)
    text = str(caught.value)
    assert text.startswith(str(PATH)) and text.endswith("export the model anew.") and "\n" not in text


def add_node(model: Any, operator: str, domain: str = "", **attributes: Any) -> Any:
    model.graph.node.append(helper.make_node(operator, ["pixels"], ["more"], domain=domain, **attributes))
    return model


def external(by: Callable[[Any], Any]) -> Any:
    """A tensor whose data lie in another file, as far as `by` says so."""
    one = tensor("far", [1])
    by(one)
    return one


def test_the_network_that_ships_passes() -> None:
    content = (default_bundle_folder() / "model.onnx").read_bytes()
    check_network(PATH, content, context=3, classes=9)


def test_a_plain_network_passes() -> None:
    check(conv_model())


@pytest.mark.parametrize("by", [
    lambda one: one.external_data.add(key="location", value="../secret"),
    lambda one: one.external_data.add(key="location", value="inside.bin"),
    lambda one: setattr(one, "data_location", TensorProto.EXTERNAL),
], ids=["outside", "inside", "location only"])
@pytest.mark.parametrize("place", ["initializer", "attribute", "attribute list", "If", "Loop", "sparse"])
def test_data_in_other_files_are_refused_wherever_they_are_named(by: Callable[[Any], Any], place: str) -> None:
    one, model = external(by), conv_model()
    if place == "initializer":
        model.graph.initializer.append(one)
    elif place == "attribute":
        add_node(model, "Constant", value=one)
    elif place == "attribute list":
        add_node(model, "Constant", values=[one])
    elif place == "sparse":
        model.graph.sparse_initializer.add(values=one, dims=[1])
    else:
        add_node(model, place, body=subgraph(one))
    refuses(model, "data in other files|graphs within its graph|sparse tensors")


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml", "evil.example", "ai.onnx.preview.training", " "])
def test_operators_outside_the_standard_set_are_refused(domain: str) -> None:
    model = add_node(conv_model(), "Gelu", domain)
    model.opset_import.append(helper.make_opsetid(domain, 1))
    refuses(model, "operators outside the standard set")


def test_both_names_of_the_standard_set_pass() -> None:
    check(add_node(conv_model(), "Relu", "ai.onnx"))


def test_an_import_of_another_set_that_no_operator_is_of_passes() -> None:
    model = conv_model()
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    check(model)


@pytest.mark.parametrize("depth", [1, 30])
@pytest.mark.parametrize("operator", ["If", "Loop", "Scan"])
def test_graphs_within_the_graph_are_refused(operator: str, depth: int) -> None:
    inner = subgraph(tensor("far", [1]))
    for _ in range(depth - 1):
        outer = subgraph()
        outer.node.append(helper.make_node(operator, [], ["more"], body=inner))
        inner = outer
    refuses(add_node(conv_model(), operator, body=inner), "graphs within its graph")


def test_functions_and_training_information_are_refused() -> None:
    model = conv_model()
    model.functions.append(helper.make_function("own", "f", [], [], [], []))
    refuses(model, "functions of its own")
    model = conv_model()
    model.training_info.add()
    refuses(model, "training information")


@pytest.mark.parametrize("version", [2, 11, 2**40])
def test_another_ir_version_than_the_oldest_onnxruntime_reads_is_refused(version: int) -> None:
    refuses(conv_model(ir_version=version), f"IR version {version}, not 3 to 10")


@pytest.mark.parametrize("version", [6, 22])
def test_another_operator_set_than_the_oldest_onnxruntime_reads_is_refused(version: int) -> None:
    refuses(conv_model(opset=version), f"operator set {version}, not 7 to 21")


def test_missing_and_contradictory_versions_are_refused() -> None:
    model = conv_model()
    model.ClearField("ir_version")
    refuses(model, "IR version none")
    model = conv_model()
    del model.opset_import[:]
    refuses(model, "operator set none")
    model = conv_model()
    model.opset_import.append(helper.make_opsetid("ai.onnx", 21))
    refuses(model, "operator set 17, 21")


@pytest.mark.parametrize("dims", [[2**40], [1000, 1000], [-1], [2**62, 4], [1] * 33])
def test_a_tensor_that_says_it_is_larger_than_its_data_is_refused(dims: list[int]) -> None:
    model = conv_model()
    model.graph.initializer.append(sized(dims))
    refuses(model, "larger than its data")


def test_packed_sizes_are_read_as_well() -> None:
    # Field 1 of a tensor, length 5: one size of 2**28; then the tensor as initializer (5) of the graph (7).
    packed = b"\x0a\x05" + b"\x80\x80\x80\x80\x01"
    graph = b"\x2a" + bytes([len(packed)]) + packed
    refuses(b"\x3a" + bytes([len(graph)]) + graph, "larger than its data")


@pytest.mark.parametrize("dims", [[], [0], [2, 3], [0, 5]])
def test_scalars_and_empty_tensors_pass(dims: list[int]) -> None:
    model = conv_model()
    model.graph.initializer.append(tensor("more", dims))
    check(model)


@pytest.mark.parametrize(("context", "classes", "what"), [(5, 3, "single input .* 5,"), (3, 9, "single output .* 9,")])
def test_a_network_for_other_slices_or_classes_is_refused(context: int, classes: int, what: str) -> None:
    with pytest.raises(BundleError, match=f"{what}.*belongs to another network"):
        check(conv_model(), context, classes)


@pytest.mark.parametrize("change", [
    lambda graph: graph.input.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, ["n", 3, "h", "w"])),
    lambda graph: graph.output.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, ["n", 3, "h", "w"])),
    lambda graph: graph.ClearField("input"),
    lambda graph: setattr(graph.input[0].type.tensor_type, "elem_type", TensorProto.FLOAT16),
    lambda graph: setattr(graph.output[0].type.tensor_type, "elem_type", TensorProto.INT64),
    lambda graph: graph.input[0].type.tensor_type.shape.dim.add(dim_value=1),
    lambda graph: graph.input[0].ClearField("type"),
])
def test_other_inputs_and_outputs_are_refused(change: Callable[[Any], Any]) -> None:
    model = conv_model()
    change(model.graph)
    refuses(model, "belongs to another network")


def test_weights_that_are_listed_as_inputs_and_unknown_shapes_pass() -> None:
    model = conv_model()
    model.graph.input.append(helper.make_tensor_value_info("weights", TensorProto.FLOAT, [3, 3, 1, 1]))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    check(model)


def test_a_file_that_onnxruntime_would_take_for_its_own_format_is_refused() -> None:
    # A string (field 2, producer_name) may stand first in a protobuf file, and hold what marks the other format.
    disguised = b"\x12\x08aaORTMaa" + conv_model().SerializeToString()
    assert disguised[4:8] == b"ORTM"
    refuses(disguised, "onnxruntime's own format")


def test_a_field_number_that_other_readers_cut_short_is_refused() -> None:
    # 13 with a 1 above the 32 bits of a tag: protobuf's C++ reader sees field 13, external_data.
    tag = (13 << 3 | 2) | 1 << 33
    long = bytes([tag & 127 | 128, tag >> 7 & 127 | 128, tag >> 14 & 127 | 128, tag >> 21 & 127 | 128, tag >> 28])
    one = long + b"\0"
    graph = b"\x2a" + bytes([len(one)]) + one
    refuses(b"\x3a" + bytes([len(graph)]) + graph, "damaged")


@pytest.mark.parametrize("content", [b"", b"no network", bytes(1000), b"\x3a\xff\xff\xff\xff\x0f",
                                     b"\x3a" + b"\xff" * 20, b"\x3b\x3c", b"\x3a\x01"])
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    refuses(content, "damaged or no ONNX file")


def test_a_file_of_endlessly_many_entries_is_refused_before_it_takes_long() -> None:
    refuses(b"\x08\x01" * 3_000_000, "more than 500,000 entries")


def test_every_truncation_is_refused_or_loads() -> None:
    content = conv_model().SerializeToString()
    for length in range(len(content)):
        try:
            check(content[:length])
        except BundleError:
            continue
        onnxruntime.InferenceSession(content[:length], providers=["CPUExecutionProvider"])


def test_the_walk_sees_what_the_onnx_package_sees() -> None:
    content = (default_bundle_folder() / "model.onnx").read_bytes()
    model = onnx.load_from_string(content)
    largest = max(model.graph.initializer, key=lambda one: int(np.prod(one.dims)))
    largest.dims.insert(0, 16)
    with pytest.raises(BundleError, match="larger than its data"):
        check_network(PATH, model.SerializeToString(), context=3, classes=9)
