"""What a network's ONNX file may hold, looked at before onnxruntime opens it: one plain network and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from MISTKDSegmentLib.errors import BundleError

OLDEST_ONNXRUNTIME = (1, 19)
# What that reads (its docs/Versioning.md).
_IR_VERSIONS = range(3, 11)
_OPSETS = range(7, 22)
_DEFAULT_DOMAIN = (b"", b"ai.onnx")
_FLOAT = 1  # TensorProto.DataType
# The shipped student has 14,000; a file of a gigabyte could have so many that walking them takes an hour.
_MAX_FIELDS = 500_000
_MAX_AXES = 32
# onnxruntime takes a file for its own format, whatever else it is, where these stand at byte 4.
_ORT_FORMAT = b"ORTM"

# Field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: what lies in what, and what is refused.
_PARTS = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 11: "input", 12: "output", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "subgraph", 10: "tensor", 11: "subgraph", 22: "sparse tensor", 23: "sparse tensor"},
    "tensor": {13: "external"},
    "input": {2: "type"}, "output": {2: "type"}, "type": {1: "tensor type"}, "tensor type": {2: "shape"},
    "shape": {1: "dimension"},
}
_REFUSED = {
    "training": "training information", "function": "functions of its own", "subgraph": "graphs within its graph",
    "sparse tensor": "sparse tensors", "external": "data in other files",
}
_IR_VERSION, _OPSET_DOMAIN, _OPSET_VERSION, _NODE_DOMAIN, _NAME = 1, 1, 2, 7, 1
_DIMS, _TENSOR_NAME, _DATA_LOCATION, _ELEMENT_TYPE, _DIM_VALUE = 1, 8, 14, 1, 1

_FIXED = {1: 8, 5: 4}  # bytes, by wire type
_DAMAGED = "is damaged or no ONNX file"

Value = Union[int, memoryview]


class _Unusable(ValueError):
    """Why the file is refused, as the middle of a sentence."""


@dataclass
class _Message:
    """A protobuf message: its bytes, its scalars and strings by field number, and the messages within it."""

    data: memoryview
    scalars: dict[int, list[Value]] = field(default_factory=dict)
    parts: dict[str, list[_Message]] = field(default_factory=dict)

    def bytes_of(self, number: int) -> list[bytes]:
        return [bytes(value) for value in self.scalars.get(number, []) if isinstance(value, memoryview)]

    def numbers(self, number: int) -> list[int]:
        """Integers of a field, packed or not."""
        found: list[int] = []
        for value in self.scalars.get(number, []):
            found += [value] if isinstance(value, int) else _packed(value)
        return found


def check_network(path: Path, content: bytes, *, context: int, classes: int) -> None:
    """Refuse a network that is more than data for onnxruntime, or another one than its description says.

    Args:
        path: for the message.
        content: of the file.
        context: slices that it is shown.
        classes: of which it gives scores, the background included.

    Raises:
        BundleError: it is damaged or newer than the oldest onnxruntime in use, has operators beyond the standard set,
            functions, subgraphs, training information, or data that lie elsewhere; or input or output do not fit.
    """
    try:
        if content[4:8] == _ORT_FORMAT:
            raise _Unusable("is in onnxruntime's own format, not ONNX")
        model = _Walk().read("model", memoryview(content))
        graphs = model.parts.get("graph", [])
        if len(graphs) != 1:
            raise _Unusable(_DAMAGED)
        _check_versions(model)
        _check_nodes(graphs[0])
        _check_ends(graphs[0], context, classes)
    except _Unusable as error:
        raise BundleError(f"{path} {error}: export the model anew.") from None


class _Walk:
    """Reads the messages named in `_PARTS`; the rest is kept as it is, tensors' data among it."""

    def __init__(self) -> None:
        self._fields_left = _MAX_FIELDS

    def read(self, kind: str, data: memoryview) -> _Message:
        message, known = _Message(data), _PARTS.get(kind, {})
        for number, value in _fields(data):
            self._fields_left -= 1
            if self._fields_left < 0:
                raise _Unusable(f"has more than {_MAX_FIELDS:,} entries, which no network of this kind has")
            part = known.get(number)
            if part in _REFUSED:
                raise _Unusable(f"has {_REFUSED[part]}, which no model of this kind needs")
            if part and isinstance(value, memoryview):
                message.parts.setdefault(part, []).append(self.read(part, value))
            else:
                message.scalars.setdefault(number, []).append(value)
        if kind == "tensor":
            _check_tensor(message)
        return message


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Field numbers and values of a message, https://protobuf.dev/programming-guides/encoding."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        # Other readers cut larger numbers off, and would see another field than this one.
        if wire_type not in (0, 1, 2, 5) or not 0 < number < 1 << 29:
            raise _Unusable(_DAMAGED)
        if wire_type == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        size, at = (_FIXED[wire_type], at) if wire_type in _FIXED else _varint(data, at)
        if at + size > len(data):
            raise _Unusable(_DAMAGED)
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """An integer in groups of seven bits, and where it ends."""
    value = 0
    for shift, byte in zip(range(0, 70, 7), data[at : at + 10]):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + shift // 7 + 1
    raise _Unusable(_DAMAGED)


def _packed(data: memoryview) -> list[int]:
    if len(data) > 10 * _MAX_AXES:
        raise _Unusable(_DAMAGED)
    numbers, at = [], 0
    while at < len(data):
        number, at = _varint(data, at)
        numbers.append(number)
    return numbers


def _check_tensor(tensor: _Message) -> None:
    if any(tensor.scalars.get(_DATA_LOCATION, [])):
        raise _Unusable(f"has {_REFUSED['external']}, which no model of this kind needs")
    sizes = tensor.numbers(_DIMS)
    # Two values in a byte is the densest form there is; a negative size is a huge one here.
    if len(sizes) > _MAX_AXES or math.prod(sizes) > 2 * len(tensor.data):
        raise _Unusable("has a tensor that is larger than its data")


def _check_versions(model: _Message) -> None:
    versions = model.numbers(_IR_VERSION)
    if len(versions) != 1 or versions[0] not in _IR_VERSIONS:
        raise _Unusable(f"has ONNX IR version {_listed(versions)}, not {_IR_VERSIONS[0]} to {_IR_VERSIONS[-1]}")
    standard = [opset for opset in model.parts.get("opset", []) if _is_standard(opset, _OPSET_DOMAIN)]
    opsets = [number for opset in standard for number in opset.numbers(_OPSET_VERSION)]
    if len(standard) != 1 or len(opsets) != 1 or opsets[0] not in _OPSETS:
        raise _Unusable(f"has ONNX operator set {_listed(opsets)}, not {_OPSETS[0]} to {_OPSETS[-1]}")


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:3])) or "none"


def _is_standard(message: _Message, domain: int) -> bool:
    return all(name in _DEFAULT_DOMAIN for name in message.bytes_of(domain))


def _check_nodes(graph: _Message) -> None:
    if not all(_is_standard(node, _NODE_DOMAIN) for node in graph.parts.get("node", [])):
        raise _Unusable("has operators outside the standard set")


def _check_ends(graph: _Message, context: int, classes: int) -> None:
    constants = {name for tensor in graph.parts.get("tensor", []) for name in tensor.bytes_of(_TENSOR_NAME)}
    inputs = [end for end in graph.parts.get("input", []) if not constants.intersection(end.bytes_of(_NAME))]
    outputs = graph.parts.get("output", [])
    for what, ends, channels in (("input", inputs, context), ("output", outputs, classes)):
        if len(ends) != 1 or not _fits(ends[0], channels):
            raise _Unusable(f"has no single {what} of float32 (n, {channels}, height, width), so its model.json "
                            "belongs to another network")


def _fits(end: _Message, channels: int) -> bool:
    tensors = [tensor for kind in end.parts.get("type", []) for tensor in kind.parts.get("tensor type", [])]
    if len(tensors) != 1 or tensors[0].numbers(_ELEMENT_TYPE) != [_FLOAT]:
        return False
    shapes = tensors[0].parts.get("shape", [])
    sizes = [size.numbers(_DIM_VALUE) for shape in shapes for size in shape.parts.get("dimension", [])]
    # Files may leave a size, or the whole shape, to be found out while running.
    return not shapes or (len(sizes) == 4 and sizes[1] in ([], [channels]))
