"""Sizes of networks: those that ship, those that are published, and those that do not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from Testing.training.networks.small import SMALL
from Training.networks.config import FAMILY, HYBRID_STUDENT, HYBRID_TEACHER, STUDENT, TEACHER
from Training.networks.segmenter import Segmenter, parameter_count


@pytest.mark.parametrize(("teacher", "student"), [(TEACHER, STUDENT), (HYBRID_TEACHER, HYBRID_STUDENT)])
def test_one_eighth_rule(teacher, student):
    with torch.device("meta"):
        large, small = (parameter_count(Segmenter(3, 9, config)) for config in (teacher, student))
    assert 8 * small <= large
    assert small > large / 16  # and is no toy either


def test_hybrid_sizes():
    with torch.device("meta"):
        sizes = [parameter_count(Segmenter(3, 9, config)) for config in (HYBRID_TEACHER, HYBRID_STUDENT)]
    assert sizes == [15_009_308, 1_818_596]


@pytest.mark.parametrize(("name", "millions"), [("b0", 3.4), ("b1", 13.1), ("b2", 24.2), ("b3", 44.0)])
def test_published_encoder_sizes(name, millions):
    # SegFormer, table 1: parameters of the encoders MiT-B0 to B3, which decimals round.
    with torch.device("meta"):
        encoder = Segmenter(3, 9, FAMILY[name]).encoder
    assert parameter_count(encoder) / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"heads": (1, 1, 3, 1)}, r"heads \(1, 1, 3, 1\) do not divide widths \(8, 8, 8, 8\)"),
        ({"widths": (8, 8, 8)}, r"widths is \(8, 8, 8\): give four positive numbers"),
        ({"depths": (1, 0, 1, 1)}, r"depths is \(1, 0, 1, 1\)"),
        ({"reductions": (16, 4, 2, 1)}, r"reductions \(16, 4, 2, 1\) are no divisors of \(8, 4, 2, 1\)"),
        ({"mlp_ratio": 0}, "mlp_ratio is 0"),
        ({"decoder_width": -4}, "decoder_width is -4"),
        ({"drop_path": 1.0}, "drop_path is 1.0"),
        ({"early": "lite0", "depths": (0, 0, 1, 1)}, r"widths \(8, 8, 8, 8\) begin otherwise than lite0 does"),
        ({"early": "lite0", "widths": (24, 40, 112, 8)}, r"depths \(1, 1, 1, 1\) has blocks where lite0 has conv"),
        ({"early": "lite0", "widths": (24, 40, 112, 8), "depths": (0, 0, 0, 1)}, r"depths is \(0, 0, 0, 1\)"),
    ],
)
def test_misfits_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **sizes)
