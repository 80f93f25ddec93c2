"""What a network costs, against counts by hand and PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from Testing.training.tiny_network import tiny_network
from Training.bundle.half_precision import store_in_half
from Training.bundle.onnx_cost import gflops, parameter_count
from Training.bundle.onnx_file import to_onnx
from Training.networks.segmenter import parameter_count as trained_values


@pytest.fixture(scope="module")
def content():
    return to_onnx(tiny_network(), 3)


def test_parameters_and_operations_of_a_convolution_by_hand(tiny_bundle):
    network = (tiny_bundle / "model.onnx").read_bytes()
    assert parameter_count(network) == 3 * 3 + 3
    # Three classes from three slices by 1 x 1: a multiplication and an addition each.
    assert gflops(network, (1, 3, 16, 24)) == pytest.approx(2 * 3 * 3 * 16 * 24 / 1e9)


def test_a_network_has_the_operations_that_pytorch_counts(content):
    # PyTorch leaves attention out of its count where it is computed in one piece.
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        tiny_network()(torch.zeros(1, 3, 64, 96))
    assert gflops(content, (1, 3, 64, 96)) == pytest.approx(counter.get_total_flops() / 1e9)


def test_parameters_are_those_that_were_trained_but_for_what_the_export_merges(content):
    assert 0.9 * trained_values(tiny_network()) < parameter_count(content) <= trained_values(tiny_network())


def test_storing_weights_in_16_bits_changes_neither(content):
    half = store_in_half(content)
    assert parameter_count(half) == parameter_count(content)
    assert gflops(half, (1, 3, 64, 96)) == gflops(content, (1, 3, 64, 96))
