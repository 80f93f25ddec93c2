"""Parity is measured on slices as inference shows them, and a difference is refused."""

from __future__ import annotations

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from Testing.training.tiny_network import CONTRACT, tiny_network
from Training.bundle import parity
from Training.bundle.onnx_file import to_onnx
from Training.bundle.parity import check_parity, largest_difference, network_pixels
from Training.data.prepared import Case


def case(slices=7):
    """A body of half grey, whose brightness tells the slice, in air; pixels of 2 mm, slices of 5 mm."""
    image = np.zeros((slices, 64, 64), np.uint8)
    image[:, 8:56, 8:56] = (100 + np.arange(slices))[:, None, None]
    nothing = np.zeros(0)
    return Case("a", image, nothing, nothing, nothing, 2.0, 5.0)


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
    monkeypatch.setattr(parity, "largest_difference", lambda *_: float("nan"))
    with pytest.raises(InputError, match="nan"):
        check_parity(tiny_network(), b"", case(), CONTRACT)
