"""Trainer settings: devices and precision of a run; nothing here decides what is learnt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from MISTKDSegmentLib.errors import InputError
from Training.system.ranges import Count, Range, check_ranges


@dataclass(frozen=True)
class TrainerSettings:
    """Devices and precision of a run.

    Attributes:
        accelerator: "auto" takes NVIDIA's or AMD's GPU where there is one, "cpu" does not.
        devices: GPUs, or processes on the CPU, of this computer; each takes its part of a batch.
        nodes: computers; started by torchrun or SLURM.
        precision: of the computation; weights are kept in 32 bits.
        compile: let torch.compile fuse the networks: minutes at the start, faster steps afterwards.
        workers: processes that fetch slices; left out, none on the CPU and 4 beside a GPU.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Count = 1
    nodes: Count = 1
    precision: Literal["bf16-mixed", "16-mixed", "32-true"] = "bf16-mixed"
    compile: bool = False
    workers: Annotated[int | None, Range(0)] = None

    @property
    def uses_gpu(self) -> bool:
        """True where a run computes on a GPU."""
        return self.accelerator != "cpu" and torch.cuda.is_available()

    @property
    def device(self) -> torch.device:
        """Device of a single process."""
        return torch.device("cuda" if self.uses_gpu else "cpu")

    @property
    def loader_workers(self) -> int:
        """Processes that fetch slices."""
        return self.workers if self.workers is not None else 4 if self.uses_gpu else 0

    @property
    def processes(self) -> int:
        """Processes that train together."""
        return self.devices * self.nodes

    def check(self, batch_size: int) -> None:
        """Refuse what this computer cannot do.

        Raises:
            InputError: names the value.
        """
        check_ranges(self, "trainer.")
        if launched_processes() not in (None, self.processes):
            raise InputError(f"{launched_processes()} processes were started for trainer.devices x trainer.nodes = "
                             f"{self.processes}: give the numbers that torchrun or SLURM was given.")
        if self.accelerator == "gpu" and not torch.cuda.is_available():
            raise InputError("trainer.accelerator is gpu and PyTorch finds none: install its CUDA build or use cpu.")
        if self.uses_gpu and self.devices > torch.cuda.device_count():
            raise InputError(f"trainer.devices is {self.devices} and there are {torch.cuda.device_count()} GPUs: "
                             "ask for as many.")
        if batch_size % self.processes:
            raise InputError(f"batches of {batch_size} slices cannot be shared by {self.processes} processes: give "
                             "a batch_size that they divide.")


def launched_processes() -> int | None:
    """Number of processes that torchrun or SLURM has started for this run; None where neither has."""
    # Seconds to import, and most scripts never ask.
    from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    if TorchElasticEnvironment.detect():
        return int(os.environ["WORLD_SIZE"])
    return int(os.environ["SLURM_NTASKS"]) if SLURMEnvironment.detect() else None
