"""What a run will cost."""

from __future__ import annotations

import pytest
import torch

from Testing.training.prepared_data import write_prepared
from Testing.training.toy import toy_run
from Training.engine.dry_run import gflops, measure_training
from Training.engine.trainings import teacher_task
from Training.networks.segmenter import parameter_count


def test_cost_of_a_few_steps(tmp_path):
    run = toy_run([write_prepared(tmp_path / "p")])
    task = teacher_task(run)
    cost = measure_training(task, run)
    assert cost.parameters == parameter_count(task.network) and cost.steps == 4
    assert cost.seconds_per_step > 0 and cost.peak_gib > 0.05


def test_flops_by_hand(tmp_path):
    run = toy_run([write_prepared(tmp_path / "p")])
    # 3 slices to 1 channel by 1 x 1 on a view of 32 x 64: a multiplication and an addition per slice and pixel.
    assert gflops(torch.nn.Conv2d(3, 1, 1), run) == pytest.approx(2 * 3 * 32 * 64 / 1e9)


def test_flops_of_attention_count(tmp_path):
    run = toy_run([write_prepared(tmp_path / "p")])

    class Attention(torch.nn.Module):
        weight = torch.nn.Parameter(torch.ones(1))

        def parameters(self):
            return iter([self.weight])

        def forward(self, image):
            tokens = image.flatten(2).transpose(1, 2)[None, :, :64]
            return torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)

    # 64 tokens of 3 values: queries by keys, and their product by the values.
    assert gflops(Attention(), run) == pytest.approx(2 * 2 * 64 * 64 * 3 / 1e9)
