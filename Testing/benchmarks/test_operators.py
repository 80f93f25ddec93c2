"""Operators of a profile by kind, with what they compute and move."""

from __future__ import annotations

import numpy as np
import pytest

from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.benchmarks.operators import Kind, Operators, by_kind, measure_operators


def event(name, operator, microseconds, inputs, output):
    shapes = {"input_type_shape": [{"float": shape} for shape in inputs], "output_type_shape": [{"float": output}]}
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": microseconds, "args": {"op_name": operator, **shapes}}


def test_the_fastest_run_of_each_operator_counts():
    inputs = [[1, 4, 8, 8], [6, 4, 3, 3]]
    found = by_kind([event("a", "Conv", 30, inputs, [1, 6, 8, 8]), event("a", "Conv", 20, inputs, [1, 6, 8, 8]),
                     event("b", "Conv", 5, inputs, [1, 6, 8, 8]), {"cat": "Session", "name": "run", "dur": 9}])
    assert found == [Kind("convolution, 3 x 3", pytest.approx(25e-6), 2 * 2 * 6 * 64 * 4 * 9,
                          2 * 4 * (4 * 64 + 6 * 4 * 9 + 6 * 64))]


def test_depthwise_convolutions_and_matrix_products_are_told_apart():
    found = by_kind([event("a", "Conv", 3, [[1, 6, 8, 8], [6, 1, 5, 5]], [1, 6, 8, 8]),
                     event("b", "MatMul", 2, [[1, 10, 20], [20, 30]], [1, 10, 30]),
                     event("d", "FusedMatMul", 2, [[2, 20, 10], [2, 20, 30]], [2, 10, 30]),
                     event("c", "Gelu", 1, [[1, 7]], [1, 7])])
    assert [(kind.name, kind.operations) for kind in found] == [
        ("matrix product", 3 * 2 * 10 * 30 * 20), ("convolution, depthwise", 2 * 6 * 64 * 25), ("the rest", 0)]


def test_the_lower_roof_applies():
    limits = Operators([], 1, peak=100.0, bandwidth=10.0)
    assert limits.roof_s(Kind("", 9.0, 200.0, 10.0)) == 2.0
    assert limits.roof_s(Kind("", 9.0, 200.0, 50.0)) == 5.0


def test_a_network_is_profiled(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    pixels = np.zeros((2, len(bundle.input.context_offsets_mm), 64, 64), np.float32)
    measured = measure_operators(bundle.network, pixels, iter([1e11, 2e11]).__next__)
    assert (measured.slices, measured.peak) == (2, 2e11) and measured.bandwidth > 0
    assert all(kind.seconds > 0 and kind.bytes > 0 for kind in measured.kinds)
