"""Teacher and student: token sequences at four stages, free input size, sizes that fit, and the rule of one eighth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from Testing.training.two_processes import in_two_processes
from Training.networks.segmenter import (
    FAMILY,
    HYBRID_STUDENT,
    HYBRID_TEACHER,
    STUDENT,
    TEACHER,
    BatchNorm,
    EfficientAttention,
    MixFFN,
    NetworkConfig,
    Segmenter,
    Tokens,
    parameter_count,
)

SMALL = NetworkConfig(widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), heads=(1, 1, 2, 2), decoder_width=8, stem_width=4)


def test_the_student_has_at_most_one_eighth_of_the_teachers_parameters():
    teacher, student = (parameter_count(Segmenter(3, 9, config)) for config in (TEACHER, STUDENT))
    assert 8 * student <= teacher
    assert student > teacher / 16  # and is no toy either


@pytest.mark.parametrize(("name", "millions"), [("b0", 3.4), ("b1", 13.1), ("b2", 24.2), ("b3", 44.0)])
def test_the_encoders_of_the_family_have_the_published_sizes(name, millions):
    # SegFormer, table 1: parameters of the encoders MiT-B0 to B3, which decimals round.
    with torch.device("meta"):
        encoder = Segmenter(3, 9, FAMILY[name]).encoder
    assert parameter_count(encoder) / 1e6 == pytest.approx(millions, rel=0.03)


def test_the_hybrids_have_the_sizes_that_were_measured():
    with torch.device("meta"):
        sizes = [parameter_count(Segmenter(3, 9, config)) for config in (HYBRID_TEACHER, HYBRID_STUDENT)]
    assert sizes == [15_009_308, 1_818_596] and 8 * sizes[1] <= sizes[0]


def test_a_hybrid_emits_four_sequences_of_tokens():
    stages = Segmenter(3, 9, HYBRID_STUDENT).eval().encoder(torch.rand(1, 3, 64, 96))
    assert [tuple(t.sequence.shape) for t in stages] == [(1, 384, 24), (1, 96, 40), (1, 24, 112), (1, 6, 160)]
    assert [(t.height, t.width) for t in stages] == [(16, 24), (8, 12), (4, 6), (2, 3)]


@pytest.mark.parametrize("height", [32, 96])
def test_a_hybrid_takes_any_size(height):
    with torch.no_grad():
        logits = Segmenter(1, 3, HYBRID_STUDENT).eval()(torch.rand(1, 1, height, 64))
    assert logits.shape == (1, 3, height // 2, 32)


def test_every_parameter_of_a_hybrid_learns():
    torch.manual_seed(0)
    network = Segmenter(3, 9, HYBRID_STUDENT)
    sum(logits.square().mean() for logits in network.features(torch.rand(2, 3, 64, 64))[1]).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert [name for name in idle if not name.endswith(".key.bias")] == []


def test_given_numbers_decide_which_branches_of_a_hybrid_are_skipped():
    network = Segmenter(1, 2, replace(HYBRID_STUDENT, drop_path=0.5)).train()
    network.encoder.convolutions.eval()  # batch norms would tie the items together
    image, chance = torch.rand(2, 1, 32, 32), torch.rand(2, 6)
    assert network.config.branches == 6
    together = [tokens.sequence for tokens in network.encoder(image, chance)]
    for item in range(2):
        alone = network.encoder(image[item : item + 1], chance[item : item + 1])
        assert all(torch.allclose(a[item], b.sequence[0], atol=1e-4) for a, b in zip(together, alone, strict=True))


def test_attention_in_training_is_that_of_use():
    torch.manual_seed(0)
    layer = EfficientAttention(12, 3, 2)
    tokens = Tokens(torch.randn(2, 24, 12), 4, 6)
    torch.testing.assert_close(layer.train()(tokens), layer.eval()(tokens))


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


@pytest.mark.parametrize("separable", [False, True])
def test_every_parameter_learns(separable):
    torch.manual_seed(0)
    network = Segmenter(3, 9, replace(SMALL, separable_decoder=separable))
    sum(logits.square().mean() for logits in network.features(torch.rand(2, 3, 64, 64))[1]).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # The bias of a key shifts every attention weight of a query alike, so its gradient is nothing but rounding.
    assert [name for name in idle if not name.endswith(".key.bias")] == []


def test_mix_ffn_is_two_dense_layers_with_a_convolution_between():
    torch.manual_seed(0)
    layer = MixFFN(4, 2)
    tokens = Tokens(torch.randn(2, 15, 4), 3, 5)
    hidden = Tokens(layer.dense1(tokens.sequence), 3, 5)
    expected = layer.dense2(gelu(layer.dwconv(hidden.as_map())).flatten(2).transpose(1, 2))
    assert torch.allclose(layer(tokens), expected, atol=1e-6)


def test_a_separable_decoder_has_depthwise_and_pointwise_weights():
    full, separable = (Segmenter(1, 2, replace(SMALL, separable_decoder=on)).decoder for on in (False, True))
    saved = [parameter_count(one) - parameter_count(other)
             for one, other in ((full.smooth[0], separable.smooth[0]), (full.sharpen, separable.sharpen))]
    # 8 to 8 and 12 to 8 channels: a x b x 9 against a x 9 + a x b; the same normalisation.
    assert saved == [8 * 8 * 9 - (8 * 9 + 8 * 8), 12 * 8 * 9 - (12 * 9 + 12 * 8)]


def test_a_separable_decoder_rectifies_and_its_stem_is_the_full_one():
    full, separable = (Segmenter(1, 2, replace(SMALL, separable_decoder=on)).decoder for on in (False, True))
    for one in (*separable.smooth, separable.sharpen):
        assert isinstance(one[-1], nn.ReLU) and (one.eval()(torch.randn(1, one[0].in_channels, 6, 6)) >= 0).all()
    assert not any(isinstance(layer, nn.ReLU) for layer in (*full.modules(), *separable.stem))
    assert [(name, value.shape) for name, value in full.stem.state_dict().items()] == [
        (name, value.shape) for name, value in separable.stem.state_dict().items()]
    assert full.stem[0].groups == separable.stem[0].groups == 1 and isinstance(separable.stem[-1], nn.GELU)


def test_blocks_are_skipped_in_training_alone():
    config = NetworkConfig(widths=(8, 8, 8, 8), heads=(1, 1, 1, 1), decoder_width=8, stem_width=4, drop_path=0.9)
    network = Segmenter(1, 2, config)
    image = torch.rand(1, 1, 64, 64)
    for mode, same in ((True, False), (False, True)):
        network.train(mode)
        torch.manual_seed(0)
        first, second = (network.encoder(image)[3].sequence for _ in range(2))
        assert torch.equal(first, second) == same


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
def test_sizes_that_do_not_fit_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **sizes)


def test_in_one_process_batch_norm_is_torchs_and_has_its_weights():
    ours, theirs = BatchNorm(3), nn.BatchNorm2d(3)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    image = torch.randn(2, 3, 4, 4)
    for mode in (True, False):
        assert torch.equal(ours.train(mode)(image), theirs.train(mode)(image))
    assert all(torch.equal(a, b) for a, b in zip(ours.state_dict().values(), theirs.state_dict().values()))


def normalising() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), BatchNorm(3), nn.GELU(), nn.Conv2d(3, 2, 1))


def five_images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(5, 1, 6, 8) * torch.arange(1, 6).view(5, 1, 1, 1) + 3


def normalise_in_process(rank: int, folder: Path) -> None:
    network = nn.parallel.DistributedDataParallel(normalising())
    output = network(five_images()[slice(0, 2) if rank == 0 else slice(2, 5)])
    # Twice the sum: the mean over two processes is then the sum over both.
    (2 * output.square().sum()).backward()
    gradients = [p.grad for p in network.parameters()]
    torch.save([output.detach(), gradients, network.module[1].state_dict()], folder / f"{rank}.pt")


@pytest.mark.slow
def test_in_two_processes_batch_norm_is_that_of_one_with_all_samples(tmp_path):
    network = normalising()
    output = network(five_images())
    output.square().sum().backward()
    in_two_processes(normalise_in_process, tmp_path)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    torch.testing.assert_close(torch.cat([first[0], second[0]]), output.detach())
    for _, gradients, state in (first, second):
        torch.testing.assert_close(gradients, [p.grad for p in network.parameters()], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(state, network[1].state_dict())


def test_given_numbers_decide_which_branches_an_item_skips():
    config = NetworkConfig(widths=(8, 8, 8, 8), heads=(1, 1, 1, 1), decoder_width=8, stem_width=4, drop_path=0.5)
    network = Segmenter(1, 2, config).train()
    image = torch.rand(2, 1, 32, 32)
    chance = torch.rand(2, config.branches)
    assert config.branches == 16
    together = [tokens.sequence for tokens in network.encoder(image, chance)]
    for item in range(2):
        alone = network.encoder(image[item : item + 1], chance[item : item + 1])
        assert all(torch.allclose(a[item], b.sequence[0], atol=1e-5) for a, b in zip(together, alone, strict=True))
    kept = [tokens.sequence for tokens in network.encoder(image, torch.ones(2, config.branches))]
    assert not torch.allclose(kept[3], [t.sequence for t in network.encoder(image, torch.zeros_like(chance))][3])
