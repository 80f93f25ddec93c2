"""Sums over the processes that train together, so that many of them compute what one would."""

from __future__ import annotations

import torch
from torch import Tensor, distributed
from torch.autograd.function import FunctionCtx


def process_count() -> int:
    """Processes that train together; 1 where none were started."""
    return distributed.get_world_size() if _distributed() else 1


def process_rank() -> int:
    """Number of this process, from 0; 0 where it is alone."""
    return distributed.get_rank() if _distributed() else 0


def sum_over_processes(tensor: Tensor) -> Tensor:
    """Sum of a tensor over all processes, on any backend (gloo on CPUs, NCCL on GPUs).

    The gradient is that of the sum of all processes' losses. A loss made of such sums is the same number in every
    process, and the mean that `DistributedDataParallel` takes of the parameters' gradients is the gradient that one
    process with all samples would have.

    Args:
        tensor: floating point, of one shape in all processes.

    Returns:
        The sum, of the same shape; the tensor itself where there is one process.
    """
    return tensor if process_count() == 1 else _Sum.apply(tensor)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(context: FunctionCtx, tensor: Tensor) -> Tensor:
        return _all_reduce(tensor)

    @staticmethod
    def backward(context: FunctionCtx, *gradients: Tensor) -> Tensor:
        return _all_reduce(gradients[0])


def _all_reduce(tensor: Tensor) -> Tensor:
    total = tensor.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total)
    return total


def _distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized()
