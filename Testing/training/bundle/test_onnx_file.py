"""ONNX: PyTorch and onnxruntime agree for any size, and the oldest onnxruntime in use can read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from MISTKDSegmentLib.geometry.frame import canonical_frame
from MISTKDSegmentLib.inference.preprocess import slice_grid, window
from MISTKDSegmentLib.io.reading import read_volume
from Training.bundle.onnx_file import to_onnx
from Training.bundle.parity import largest_difference
from Training.networks.config import STUDENT
from Training.networks.segmenter import Segmenter

SCAN = Path(__file__).parents[4] / "shared" / "ct" / "totalseg_example_ct.nii.gz"


@pytest.fixture(scope="module")
def student() -> Segmenter:
    torch.manual_seed(0)
    network = Segmenter(3, 9, STUDENT)
    network(torch.rand(4, 3, 64, 64))  # lets the running statistics leave their start
    return network


@pytest.fixture(scope="module")
def content(student) -> bytes:
    return to_onnx(student, 3)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (3, 3, 64, 160), (2, 3, 224, 96)])
def test_pytorch_and_onnxruntime_agree_for_any_batch_and_size(student, content, shape):
    pixels = np.random.default_rng(0).random(shape, np.float32)
    assert largest_difference(student, content, pixels) < 1e-4


@pytest.mark.skipif(not SCAN.exists(), reason="the real scans of ../shared/ct are not here")
def test_pytorch_and_onnxruntime_agree_on_real_slices(student, content):
    scan = canonical_frame(read_volume(SCAN)).volume
    grid = slice_grid(scan, 2.0, 32)
    pixels = grid.to_pixels(window(scan.voxels[50:56, grid.rows, grid.columns], (-125.0, 275.0)))
    stacked = np.stack([pixels[k : k + 3] for k in range(4)])
    assert largest_difference(student, content, stacked) < 1e-4


def test_the_oldest_onnxruntime_in_use_can_read_it(content):
    model = onnx.load_from_string(content)
    assert model.ir_version <= 10
    assert [(o.domain, o.version <= 21) for o in model.opset_import] == [("", True)]
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_projections_and_side_heads_are_not_shipped(content):
    names = {tensor.name for tensor in onnx.load_from_string(content).graph.initializer}
    assert not any("projection" in name or "side_heads" in name for name in names)
