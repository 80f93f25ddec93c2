"""Cost of a run before it is started: parameters, FLOPs, memory and time, measured on a few steps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import default_collate
from torch.utils.flop_counter import FlopCounterMode

from Training.data.augment import augment
from Training.engine.fit import memory_error, training_loader, whole_schedule
from Training.engine.run_folder import TrainingRun
from Training.engine.tasks import SegmentationTask
from Training.networks.segmenter import Segmenter, parameter_count
from Training.system.memory import peak_gib
from Training.system.words import duration

# The first step allocates and, if asked to, compiles.
STEPS = 3


class TrainingCost(NamedTuple):
    """Cost of training a network.

    Attributes:
        parameters: trained values of the network.
        gflops_per_view: forward pass of one training view, in 1e9 multiply-adds counted as two operations.
        steps: of the whole schedule.
        seconds_per_step: median of the measured steps.
        peak_gib: largest memory of the GPU; without one, of this process so far, whatever took it.
    """

    parameters: int
    gflops_per_view: float
    steps: int
    seconds_per_step: float
    peak_gib: float


def measure_training(task: SegmentationTask, run: TrainingRun) -> TrainingCost:
    """Train a task for three steps that are thrown away, and count.

    Raises:
        SegmentError: memory is short.
    """
    schedule = whole_schedule(task.schedule)
    if run.settings.uses_gpu:
        torch.cuda.reset_peak_memory_stats()
    try:
        seconds = _seconds_per_step(task, run)
    except (RuntimeError, MemoryError) as error:
        raise memory_error(error, schedule) or error from None
    return TrainingCost(parameter_count(task.network), gflops(task.network, run), schedule.steps, seconds,
                torch.cuda.max_memory_allocated() / 2**30 if run.settings.uses_gpu else peak_gib())


def gflops(network: Segmenter, run: TrainingRun) -> float:
    """Operations of one forward pass of one view, in 1e9."""
    device = next(network.parameters()).device
    # On CPUs, attention is counted in this form of it alone.
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        network.eval()(torch.zeros(1, run.channels, *run.recipe.view, device=device))
    return counter.get_total_flops() / 1e9


def _seconds_per_step(task: SegmentationTask, run: TrainingRun) -> float:
    device = run.settings.device
    loader = training_loader(task, run.training, 1, run.settings)
    # What one of several processes would take of a batch.
    draws = list(loader.sampler)[: loader.batch_size]
    batch = default_collate([loader.dataset[draw] for draw in draws])
    batch = type(batch)(*(part.to(device) for part in batch))
    task.to(device).train()
    optimizer = task.configure_optimizers()["optimizer"]
    times = []
    for _ in range(STEPS):
        start = time.perf_counter()
        pixels, labels = augment(batch.image, batch.labels, batch.seed, run.recipe.view, task.zoom,
                              run.recipe.augmentation, task.own_slice)
        with torch.autocast(device.type, enabled=run.settings.precision != "32-true", dtype=torch.bfloat16):
            terms = task.terms(task.arranged(pixels), labels, batch.annotated, task.drop_path_draws(batch.seed))
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times[1:])[len(times[1:]) // 2]


def report(tasks: Sequence[tuple[str, SegmentationTask]], run: TrainingRun, console: Console | None = None) -> float:
    """Measure every task and print a table.

    Args:
        tasks: name and task, in the order in which they will be trained.
        run: recipe, data and trainer settings.
        console: where to print; by default standard output.

    Returns:
        Time of all trainings together, in seconds.
    """
    console = console or Console()
    table = Table(title=f"Dry run on {run.provenance['hardware']}", box=SIMPLE_HEAD, title_justify="left")
    for heading in ("network", "parameters", "GFLOPs a view", "steps", "s a step", "peak GiB", "time"):
        first = heading == "network"
        table.add_column(heading, justify="left" if first else "right", no_wrap=first)
    seconds = 0.0
    for name, task in tasks:
        cost = measure_training(task, run)
        seconds += cost.steps * cost.seconds_per_step
        table.add_row(name, f"{cost.parameters:,}", f"{cost.gflops_per_view:.2f}", f"{cost.steps:,}",
                      f"{cost.seconds_per_step:.2f}", f"{cost.peak_gib:.1f}",
                      duration(cost.steps * cost.seconds_per_step))
    console.print(table)
    console.print(f"{len(run.split.training)} cases to train on, {len(run.split.unlabelled)} without reference, "
                  f"{len(run.split.validation)} for validation. Validations and checkpoints come on top of the time.")
    return seconds
