"""Sums over processes: nothing in one process, the sum and its gradient in two."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from Testing.training.two_processes import in_two_processes
from Training.system.distributed import process_count, process_rank, sum_over_processes


def sum_in_process(rank: int, folder: Path) -> None:
    x = torch.tensor([1.0, 2.0]).mul(rank + 1).requires_grad_()
    total = sum_over_processes(x)
    total.square().sum().backward()
    torch.save([process_count(), process_rank(), total.tolist(), x.grad.tolist()], folder / f"{rank}.pt")


def test_one_process():
    x = torch.rand(3)
    assert (process_count(), process_rank()) == (1, 0)
    assert sum_over_processes(x) is x


@pytest.mark.slow
def test_two_processes(tmp_path):
    in_two_processes(sum_in_process, tmp_path)
    for rank in range(2):
        # 1 + 2 and 2 + 4; both losses are (x0 + x1)^2, so each x has twice the slope 2 * 3 and 2 * 6.
        assert torch.load(tmp_path / f"{rank}.pt") == [2, rank, [3.0, 6.0], [12.0, 24.0]]
