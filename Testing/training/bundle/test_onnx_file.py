"""ONNX files: read by the oldest onnxruntime in use, equal to PyTorch for any size and on prepared slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.canonical_frame import canonical_frame
from MISTKDSegmentLib.inference.preprocess import slice_grid, window
from MISTKDSegmentLib.io.reading import read_volume
from Testing.training.tiny_network import CONTRACT, tiny_network
from Training.bundle import onnx_file
from Training.bundle.onnx_file import check_parity, largest_difference, network_pixels, to_onnx
from Training.data.prepared import PreparedCase
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
def test_agreement_for_any_size(student, content, shape):
    pixels = np.random.default_rng(0).random(shape, np.float32)
    assert largest_difference(student, content, pixels) < 1e-4


@pytest.mark.skipif(not SCAN.exists(), reason="the real scans of ../shared/ct are not here")
def test_agreement_on_real_slices(student, content):
    scan = canonical_frame(read_volume(SCAN)).volume
    grid = slice_grid(scan, 2.0, 32)
    pixels = grid.to_pixels(window(scan.voxels[50:56, grid.rows, grid.columns], (-125.0, 275.0)))
    stacked = np.stack([pixels[k : k + 3] for k in range(4)])
    assert largest_difference(student, content, stacked) < 1e-4


def test_oldest_onnxruntime_reads_it(content):
    model = onnx.load_from_string(content)
    assert model.ir_version <= 10
    assert [(o.domain, o.version <= 21) for o in model.opset_import] == [("", True)]
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_side_heads_are_not_shipped(content):
    names = {tensor.name for tensor in onnx.load_from_string(content).graph.initializer}
    assert not any("projection" in name or "side_heads" in name for name in names)


def case(slices=7):
    """A body of half grey, whose brightness tells the slice, in air; pixels of 2 mm, slices of 5 mm."""
    image = np.zeros((slices, 64, 64), np.uint8)
    image[:, 8:56, 8:56] = (100 + np.arange(slices))[:, None, None]
    nothing = np.zeros(0)
    return PreparedCase("a", image, nothing, nothing, nothing, 2.0, 5.0)


def test_middle_slices_are_compared():
    pixels = network_pixels(case(), CONTRACT)
    assert pixels.shape == (4, 3, 64, 64)
    middle = pixels[:, :, 32, 32] * 255 - 100
    assert np.allclose(middle, [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]], atol=1e-3)


def test_lone_slice():
    assert network_pixels(case(slices=1), CONTRACT).shape == (1, 3, 64, 64)


def test_agreement_is_told():
    network = tiny_network()
    assert 0 <= check_parity(network, to_onnx(network, 3), case(), CONTRACT) < 1e-4


def test_another_network_is_refused():
    network = tiny_network()
    content = to_onnx(network, 3)
    network.decoder.head.bias.data += 0.5
    pixels = network_pixels(case(), CONTRACT)
    assert largest_difference(network, content, pixels) == pytest.approx(0.5, abs=1e-4)
    with pytest.raises(InputError, match=r"differ by 0\.5 on a"):
        check_parity(network, content, case(), CONTRACT)


def test_nan_difference_is_refused(monkeypatch):
    monkeypatch.setattr(onnx_file, "largest_difference", lambda *_: float("nan"))
    with pytest.raises(InputError, match="nan"):
        check_parity(tiny_network(), b"", case(), CONTRACT)
