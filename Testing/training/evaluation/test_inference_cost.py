"""Costs of inference: parameters and operations by hand, time measured on a few slices, told for all scans."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.training.made_up_scans import LIVER_BOX, LIVER_HU, MadeUpScan
from Testing.training.tiny_network import tiny_network
from Training.bundle.half_precision import store_in_half
from Training.bundle.onnx_file import to_onnx
from Training.evaluation.inference_cost import (
    InferenceCost,
    _middle,
    cost_lines,
    measure_inference,
    onnx_gflops,
    onnx_parameter_count,
    size_line,
)
from Training.networks.segmenter import parameter_count


def test_time_of_a_scan():
    assert InferenceCost((64, 96), run=8, slices=80, read_s=1.0, run_s=2.0, peak_gib=1.0).seconds == 21.0


@pytest.mark.parametrize(
    ("count", "spacing_mm", "middle", "run", "slices"),
    [(100, 5.0, slice(46, 54), 8, 100), (4, 5.0, slice(0, 4), 4, 4), (1, 5.0, slice(0, 1), 1, 1),
     # Every third of 1 mm is run: 0, 3, … 21 of 22 slices, and 34 of 100.
     (100, 1.0, slice(39, 61), 8, 34)],
)
def test_middle_of_a_scan(count, spacing_mm, middle, run, slices):
    assert _middle(count, spacing_mm, 3.0) == (middle, run, slices)


def test_measured_as_shipped(tiny_bundle):
    scan = MadeUpScan(name="a", annotated=("liver",), found={LIVER_HU: LIVER_BOX}, real={1: LIVER_BOX})
    cost = measure_inference(scan, load_bundle(tiny_bundle), threads=1)
    assert (cost.run, cost.slices) == (6, 6)
    assert cost.read_s > 0 and cost.run_s > 0 and cost.peak_gib > 0.05
    assert all(size % 8 == 0 for size in cost.size)


def test_cost_of_other_scans(tmp_path):
    scans = []
    for name, size in (("a", 1000), ("b", 3000)):
        (tmp_path / name).write_bytes(bytes(size))
        scans.append(MadeUpScan(name=name, files=(tmp_path / name,)))
    cost = InferenceCost((64, 96), run=8, slices=80, read_s=10.0, run_s=8.0, peak_gib=1.25)
    one, all_of_them = cost_lines(cost, scans)
    assert one.startswith("a took 10.0 s to read, and 8 of the 80 slices") and "1.2 GiB" in one
    # 90 s for the first, four times that for both.
    assert all_of_them == "Cases: 2, together 4.0 times as large on disk as a: about 6 min."
    assert cost_lines(cost, scans, times=2)[1].endswith("as a, run 2 times each: about 12 min.")


def test_size_is_told(tiny_bundle):
    line = size_line(load_bundle(tiny_bundle).network, (100, 100), 3)
    # 2 x 9 operations for each of 10000 pixels.
    assert "12 parameters" in line and "0.00018 GFLOPs for a slice of 100 x 100 pixels" in line


@pytest.fixture(scope="module")
def content():
    return to_onnx(tiny_network(), 3)


def test_convolution_by_hand(tiny_bundle):
    network = (tiny_bundle / "model.onnx").read_bytes()
    assert onnx_parameter_count(network) == 3 * 3 + 3
    # Three classes from three slices by 1 x 1: a multiplication and an addition each.
    assert onnx_gflops(network, (1, 3, 16, 24)) == pytest.approx(2 * 3 * 3 * 16 * 24 / 1e9)


def test_operations_are_pytorchs(content):
    # PyTorch leaves attention out of its count where it is computed in one piece.
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        tiny_network()(torch.zeros(1, 3, 64, 96))
    assert onnx_gflops(content, (1, 3, 64, 96)) == pytest.approx(counter.get_total_flops() / 1e9)


def test_parameters_without_merged_norms(content):
    assert 0.9 * parameter_count(tiny_network()) < onnx_parameter_count(content) <= parameter_count(tiny_network())


def test_half_precision_changes_neither(content):
    half = store_in_half(content)
    assert onnx_parameter_count(half) == onnx_parameter_count(content)
    assert onnx_gflops(half, (1, 3, 64, 96)) == onnx_gflops(content, (1, 3, 64, 96))
