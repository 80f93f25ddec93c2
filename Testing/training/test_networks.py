"""Teacher and student: token sequences at four stages, free input size, and the rule of one eighth."""

from __future__ import annotations

import pytest
import torch

from Training.networks import STUDENT, TEACHER, NetworkConfig, Segmenter, Tokens, parameter_count

SMALL = NetworkConfig(widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), heads=(1, 1, 2, 2), decoder_width=8, stem_width=4)


def test_the_student_has_at_most_one_eighth_of_the_teachers_parameters():
    teacher, student = (parameter_count(Segmenter(3, 9, config)) for config in (TEACHER, STUDENT))
    assert 8 * student <= teacher
    assert student > teacher / 16  # and is no toy either


def test_each_stage_emits_a_sequence_of_tokens_in_raster_order():
    stages = Segmenter(3, 9, SMALL).encoder(torch.rand(2, 3, 64, 96))
    assert [tuple(t.sequence.shape) for t in stages] == [(2, 384, 8), (2, 96, 8), (2, 24, 8), (2, 6, 8)]
    tokens = Tokens(torch.arange(6.0).view(1, 6, 1), 2, 3)
    assert tokens.as_map().tolist() == [[[[0, 1, 2], [3, 4, 5]]]]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 160), (224, 96)])
def test_the_size_of_the_input_is_free(height, width):
    with torch.no_grad():
        logits = Segmenter(3, 9, SMALL).eval()(torch.rand(1, 3, height, width))
    assert logits.shape == (1, 9, height // 2, width // 2)


def test_training_supervises_four_heads_and_use_reads_one():
    network = Segmenter(1, 4, SMALL)
    image = torch.rand(2, 1, 64, 64)
    assert [tuple(x.shape[2:]) for x in network.features(image)[1]] == [(32, 32), (8, 8), (4, 4), (2, 2)]
    assert len(network.eval().features(image)[1]) == 1


def test_every_parameter_learns():
    network = Segmenter(3, 9, SMALL)
    sum(logits.square().mean() for logits in network.features(torch.rand(2, 3, 64, 64))[1]).backward()
    # The bias of a key shifts every attention weight of a query alike, so its gradient is rounding noise.
    idle = [name for name, p in network.named_parameters() if p.grad is None]
    assert idle == []


def test_blocks_are_skipped_in_training_alone():
    config = NetworkConfig(widths=(8, 8, 8, 8), heads=(1, 1, 1, 1), decoder_width=8, stem_width=4, drop_path=0.9)
    network = Segmenter(1, 2, config)
    image = torch.rand(1, 1, 64, 64)
    for mode, same in ((True, False), (False, True)):
        network.train(mode)
        torch.manual_seed(0)
        first, second = (network.encoder(image)[3].sequence for _ in range(2))
        assert torch.equal(first, second) == same
