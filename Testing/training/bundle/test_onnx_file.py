"""ONNX files: read by the oldest onnxruntime in use, equal to PyTorch for any size and on prepared slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.frame import canonical_frame
from MISTKDSegmentLib.inference.preprocess import slice_grid, window
from MISTKDSegmentLib.io.reading import read_volume
from Testing.training.tiny_network import CONTRACT, tiny_network
from Training.bundle import onnx_file
from Training.bundle.onnx_file import check_parity, largest_difference, network_pixels, to_onnx
from Training.data.prepared import PreparedCase
from Training.networks.config import HYBRID_STUDENT, STUDENT
from Training.networks.segmenter import Segmenter

SCAN = Path(__file__).parents[4] / "shared" / "ct" / "totalseg_example_ct.nii.gz"


@pytest.fixture(scope="module", params=[STUDENT, HYBRID_STUDENT], ids=["mit", "hybrid"])
def student(request) -> Segmenter:
    torch.manual_seed(0)
    network = Segmenter(3, 9, request.param)
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


def test_a_student_is_a_small_file_without_batch_norms(content):
    assert len(content) < 9e6
    assert "BatchNormalization" not in operations(content)


def operations(content: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_from_string(content).graph.node}


def test_onnxruntime_merges_padding_and_activations_with_convolutions(content, tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    left = operations((tmp_path / "optimised.onnx").read_bytes())
    assert "Conv" in left and not left & {"Pad", "Clip", "Relu"}


def test_projections_and_side_heads_are_not_shipped(content):
    names = {tensor.name for tensor in onnx.load_from_string(content).graph.initializer}
    assert not any("projection" in name or "side_heads" in name for name in names)


def case(slices=7):
    """A body of half grey, whose brightness tells the slice, in air; pixels of 2 mm, slices of 5 mm."""
    image = np.zeros((slices, 64, 64), np.uint8)
    image[:, 8:56, 8:56] = (100 + np.arange(slices))[:, None, None]
    nothing = np.zeros(0)
    return PreparedCase("a", image, nothing, nothing, nothing, 2.0, 5.0)


def test_the_four_middle_slices_are_shown_with_their_context():
    pixels = network_pixels(case(), CONTRACT)
    assert pixels.shape == (4, 3, 64, 64)
    middle = pixels[:, :, 32, 32] * 255 - 100
    assert np.allclose(middle, [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]], atol=1e-3)


def test_a_lone_slice_is_shown_beside_itself():
    assert network_pixels(case(slices=1), CONTRACT).shape == (1, 3, 64, 64)


def test_an_export_that_agrees_tells_by_how_much_it_differs():
    network = tiny_network()
    assert 0 <= check_parity(network, to_onnx(network, 3), case(), CONTRACT) < 1e-4


def test_another_network_than_the_exported_one_is_refused():
    network = tiny_network()
    content = to_onnx(network, 3)
    network.decoder.head.bias.data += 0.5
    pixels = network_pixels(case(), CONTRACT)
    assert largest_difference(network, content, pixels) == pytest.approx(0.5, abs=1e-4)
    with pytest.raises(InputError, match=r"differ by 0\.5 on a"):
        check_parity(network, content, case(), CONTRACT)


def test_a_difference_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setattr(onnx_file, "largest_difference", lambda *_: float("nan"))
    with pytest.raises(InputError, match="nan"):
        check_parity(tiny_network(), b"", case(), CONTRACT)
