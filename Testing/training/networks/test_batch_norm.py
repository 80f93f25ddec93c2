"""Batch norm: torch's own in one process, that of all samples in two."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from Testing.training.two_processes import in_two_processes
from Training.networks.batch_norm import BatchNorm


def test_one_process():
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
def test_two_processes(tmp_path):
    network = normalising()
    output = network(five_images())
    output.square().sum().backward()
    in_two_processes(normalise_in_process, tmp_path)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    torch.testing.assert_close(torch.cat([first[0], second[0]]), output.detach())
    for _, gradients, state in (first, second):
        torch.testing.assert_close(gradients, [p.grad for p in network.parameters()], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(state, network[1].state_dict())


