"""Batch normalisation whose statistics are those of all processes' samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from Training.system.distributed import process_count, sum_over_processes


def at_least_single(tensor: Tensor) -> Tensor:
    """Half precision as float32, for sums; float32 and float64 as they are."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation whose statistics in training are those of all processes' samples, on any device.

    In one process it is `nn.BatchNorm2d`, whose weights it shares. It is needed because torch's SyncBatchNorm refuses
    CPUs, on which the tests prove that two processes learn what one learns.
    """

    def forward(self, feature_map: Tensor) -> Tensor:
        """The normalised map, of the shape (batch, channels, height, width) and type that it came in."""
        if not self.training or process_count() == 1:
            return super().forward(feature_map)
        values = at_least_single(feature_map)
        count = sum_over_processes(values.new_tensor([values.numel() / values.shape[1]]))
        mean = sum_over_processes(values.sum((0, 2, 3))) / count
        centred = values - mean[:, None, None]
        # Not from the mean of squares: their difference loses the digits of small variances.
        variance = sum_over_processes(centred.square().sum((0, 2, 3))) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = (variance + self.eps).rsqrt() * self.weight
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(feature_map.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
