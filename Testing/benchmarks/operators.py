"""What bounds the network: each kind of operator beside what the processor computes and what memory gives.

After Williams et al., Roofline, 2009 (doi 10.1145/1498765.1498785): an operator is as fast as the lower of two roofs.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from Testing.benchmarks.clock import best

TIMES = 30
_FLOAT_BYTES = 4
_COPIED_BYTES = 1 << 28


class Kind(NamedTuple):
    """A kind of operator in one batch on one core.

    Attributes:
        name: for people.
        seconds: of all of its operators, each in its fastest run.
        operations: a multiply-add counts as two; 0 where nothing but moving and single operations is done.
        bytes: that have to be read and written.
    """

    name: str
    seconds: float
    operations: float
    bytes: float


class Operators(NamedTuple):
    """All of them, the longest first, and what one core of this computer reaches in the same run.

    Attributes:
        kinds: of the network.
        slices: in the batch.
        peak: operations per second of a large matrix product.
        bandwidth: bytes per second, read and written, of copying what no cache holds.
    """

    kinds: list[Kind]
    slices: int
    peak: float
    bandwidth: float

    def roof_s(self, kind: Kind) -> float:
        """What the operators of a kind would take at the roof that applies."""
        return max(kind.operations / self.peak, kind.bytes / self.bandwidth)


def measure_operators(network: bytes, pixels: np.ndarray, peak_of_core: Callable[[], float]) -> Operators:
    """Profile a network on one core.

    Args:
        network: ONNX model.
        pixels: a batch.
        peak_of_core: measures what operations per second one core reaches; asked before and after, for a busy moment
            must not pass for the most.
    """
    before = peak_of_core()
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        options.enable_profiling, options.profile_file_prefix = True, str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        for _ in range(TIMES):
            session.run(None, {session.get_inputs()[0].name: pixels})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return Operators(by_kind(events), len(pixels), max(before, peak_of_core()), bandwidth())


def bandwidth() -> float:
    """Bytes per second, read and written, of a copy that is larger than any cache."""
    source = np.ones(_COPIED_BYTES // _FLOAT_BYTES, np.float32)
    target = np.empty_like(source)
    return 2 * source.nbytes / best(lambda: np.copyto(target, source), 5)[0]


def by_kind(events: Iterable[Mapping[str, Any]]) -> list[Kind]:
    """Kinds of operators in a profile of onnxruntime, the longest first."""
    fastest: dict[str, Kind] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            kind = _kind(event["args"], event["dur"] / 1e6)
            known = fastest.setdefault(event["name"], kind)
            fastest[event["name"]] = min(known, kind, key=lambda one: one.seconds)
    names = dict.fromkeys(kind.name for kind in fastest.values())
    sums = [Kind(name, *(sum(values) for values in zip(*(kind[1:] for kind in fastest.values() if kind.name == name))))
            for name in names]
    return sorted(sums, key=lambda kind: -kind.seconds)


def _kind(facts: Mapping[str, Any], seconds: float) -> Kind:
    name, inputs, outputs = facts["op_name"], _shapes(facts["input_type_shape"]), _shapes(facts["output_type_shape"])
    moved = _FLOAT_BYTES * sum(math.prod(shape) for shape in (*inputs, *outputs))
    if name == "Conv":
        _, per_group, height, width = inputs[1]
        what = f"{height} x {width}" if per_group > 1 else "depthwise"
        return Kind(f"convolution, {what}", seconds, 2 * math.prod(outputs[0]) * per_group * height * width, moved)
    if name in ("MatMul", "FusedMatMul"):
        # Either factor may be transposed: its size, not its last axis, says how many products are added.
        added = math.prod(inputs[0]) // math.prod(outputs[0][:-1])
        return Kind("matrix product", seconds, 2 * math.prod(outputs[0]) * added, moved)
    if name in ("ReorderInput", "ReorderOutput", "Transpose", "Concat", "Upsample", "Resize", "Pad"):
        return Kind("moving, enlarging", seconds, 0, moved)
    return Kind("the rest", seconds, 0, moved)


def _shapes(described: Sequence[Mapping[str, Sequence[int]]]) -> list[Sequence[int]]:
    return [shape for one in described for shape in one.values()]
