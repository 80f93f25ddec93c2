"""Cost of a network in use: parameters, operations, memory and time, measured on a few slices of a scan."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper

from MISTKDSegmentLib.geometry.canonical_frame import canonical_frame
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from MISTKDSegmentLib.inference.preprocess import slice_grid
from MISTKDSegmentLib.inference.slices import slices_to_run
from MISTKDSegmentLib.model.bundle import Bundle
from Training.data.scans import Scan
from Training.evaluation.scores import annotated_organs, read_labelled, score_case
from Training.system.memory import peak_gib
from Training.system.words import duration

# Two batches of the code that ships.
SLICES = 8
# Operations of an ONNX model beside which all others are negligible.
_COUNTED = ("Conv", "Gemm", "MatMul")


class InferenceCost(NamedTuple):
    """Cost of one scan.

    Attributes:
        size: height and width that the network sees, in pixels.
        run: slices that the network runs in the middle of the scan, where this was measured.
        slices: slices that it runs in the whole scan.
        read_s: time to read the scan and its reference.
        run_s: time to segment and score the part in the middle.
        peak_gib: largest memory of this process so far.
    """

    size: tuple[int, int]
    run: int
    slices: int
    read_s: float
    run_s: float
    peak_gib: float

    @property
    def seconds(self) -> float:
        """Time of the whole scan, if every slice costs what those in the middle do."""
        return self.read_s + self.run_s * self.slices / self.run


@dataclass(frozen=True, kw_only=True)
class _Part(Scan):
    """Some slices of a scan, in memory."""

    volume: Volume
    reference: np.ndarray

    def read_volume(self) -> Volume:
        return self.volume

    def read_reference(self, volume: Volume) -> np.ndarray:
        return self.reference


def measure_inference(scan: Scan, bundle: Bundle, *, threads: int = 0) -> InferenceCost:
    """Read a scan, segment and score some slices of its middle, and take the time.

    Args:
        scan: labelled, opened for `bundle.labels`.
        bundle: the model.
        threads: of onnxruntime; 0 lets it choose.

    Raises:
        InputError: the scan or its reference cannot be used.
        BundleError: the model cannot be run.
    """
    start = time.perf_counter()
    volume, reference = read_labelled(scan)
    read_s = time.perf_counter() - start
    frame = canonical_frame(volume)
    whole, labels = frame.volume, frame.canonical_labels(reference)
    middle, run, slices = _middle(len(whole.voxels), whole.spacing_mm[2], bundle.input.slice_step_mm)
    part = _Part(name=scan.name, image=scan.image, files=scan.files, annotated=scan.annotated,
                 volume=replace(whole, voxels=whole.voxels[middle]), reference=labels[middle])
    organs = annotated_organs([scan], bundle.labels)
    for _ in range(2):  # the first time, much is loaded and allocated
        start = time.perf_counter()
        score_case(part, bundle, organs, threads=threads)
        run_s = time.perf_counter() - start
    size = slice_grid(whole, bundle.input.pixel_spacing_mm, bundle.input.multiple).size
    return InferenceCost(size, run, slices, read_s, run_s, peak_gib())


def _middle(count: int, spacing_mm: float, step_mm: float) -> tuple[slice, int, int]:
    """The middle of a scan, and how many slices are run in it and in the whole scan."""
    slices = slices_to_run(range(count), spacing_mm, step_mm)
    run = slices[:SLICES]
    first = (count - 1 - run[-1]) // 2
    return slice(first, first + run[-1] + 1), len(run), len(slices)


def size_line(content: bytes, size: tuple[int, int], context: int) -> str:
    """Sentence about parameters and operations of a network.

    Args:
        content: the ONNX model.
        size: height and width of a slice in pixels.
        context: slices shown together.
    """
    return (f"The network has {onnx_parameter_count(content):,} parameters ({len(content) / 1e6:.1f} MB) and takes "
            f"{onnx_gflops(content, (1, context, *size)):.3g} GFLOPs for a slice of {size[0]} x {size[1]} pixels.")


def cost_lines(cost: InferenceCost, scans: Sequence[Scan], times: int = 1) -> list[str]:
    """Sentences about what scans cost, and on what that rests.

    Args:
        cost: of the first scan.
        scans: all of them; one costs as much more than the first as its files are larger.
        times: how often each is run.
    """
    first, share = scans[0].name, sum(scan.size_mb for scan in scans) / scans[0].size_mb
    seconds = cost.seconds * share * times
    often = "" if times == 1 else f", run {times} times each"
    return [
        f"{first} took {cost.read_s:.1f} s to read, and {cost.run} of the {cost.slices} slices to be run "
        f"{cost.run_s:.1f} s to segment and score; the process took {cost.peak_gib:.1f} GiB of memory at most.",
        f"Cases: {len(scans)}, together {share:.1f} times as large on disk as {first}{often}: about "
        f"{duration(seconds)}.",
    ]


def onnx_parameter_count(content: bytes) -> int:
    """Trained values that an ONNX model holds; the export has merged norms with convolutions, and equal tensors."""
    model = onnx.load_from_string(content)
    return sum(prod(tensor.dims) for tensor in model.graph.initializer
               if tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16))


def onnx_gflops(content: bytes, shape: Sequence[int]) -> float:
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
    """Number of products that make up one value of a node's output."""
    return prod(shapes[node.input[1]][1:]) if node.op_type == "Conv" else shapes[node.input[0]][-1]


def _shapes(model: onnx.ModelProto, names: set[str], shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Shapes of values of a model whose input has the given one."""
    graph = model.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer} | {graph.input[0].name: tuple(shape)}
    wanted = sorted(names - set(shapes))
    del graph.output[:]
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in wanted)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    values = session.run(wanted, {graph.input[0].name: np.zeros(shape, np.float32)})
    return shapes | {name: value.shape for name, value in zip(wanted, values)}
