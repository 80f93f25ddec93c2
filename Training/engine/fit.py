"""One training run with Lightning: loaders, checkpoints, averaged weights, logs, pictures."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
from lightning.pytorch.callbacks import (
    LearningRateMonitor,
    ModelCheckpoint,
    WeightAveraging,
)
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor
from torch.utils.data import DataLoader

from MISTKDSegmentLib.errors import OutputError, SegmentError
from Training.data.prepared import Case
from Training.data.slices import BalancedSampler, CaseBatches, SliceDataset
from Training.engine.checkpoint_io import AtomicCheckpointIO
from Training.engine.checkpoints import LAST, steps_done, usable_checkpoint
from Training.engine.machine import Machine
from Training.engine.picture_callback import Pictures
from Training.engine.progress_bar import TrainingProgress
from Training.engine.recipe import Schedule
from Training.engine.tasks import DistillationTask, SegmentationTask

LOG = "log"
MOST_WHOLE_SLICES = 16


class Epochs(NamedTuple):
    """How a run is cut: an epoch ends with a checkpoint, and some of them with a validation.

    Attributes:
        number: of epochs.
        steps: per epoch.
        per_validation: epochs from one validation to the next.
    """

    number: int
    steps: int
    per_validation: int


def plan_epochs(schedule: Schedule) -> Epochs:
    """Cut a run into epochs of equal length, at most `checkpoint_steps` long, that fit its validations.

    Examples:
        >>> plan_epochs(Schedule(steps=2400))
        Epochs(number=24, steps=100, per_validation=3)
        >>> plan_epochs(Schedule(steps=10, validations=4))
        Epochs(number=4, steps=3, per_validation=1)
    """
    between = _ceil(schedule.steps, min(schedule.validations, schedule.steps))
    per_validation = _ceil(between, schedule.checkpoint_steps)
    steps = _ceil(between, per_validation)
    return Epochs(_ceil(schedule.steps, steps * per_validation) * per_validation, steps, per_validation)


def whole_schedule(schedule: Schedule) -> Schedule:
    """The schedule with its steps rounded up to whole epochs."""
    epochs = plan_epochs(schedule)
    return replace(schedule, steps=epochs.number * epochs.steps)


def fit(task: SegmentationTask, training: Sequence[Case], validation: Sequence[Case], folder: Path,
        machine: Machine) -> None:
    """Train a task to the end of its schedule; goes on from the newest undamaged checkpoint in `folder`.

    Args:
        task: what to train.
        training: cases to draw slices from.
        validation: labelled cases whose Dice is logged on the way; there may be none.
        folder: for checkpoints, logs (CSV and TensorBoard), learning curves and example pictures.
        machine: what to compute on.

    Raises:
        InputError: all checkpoints in `folder` are damaged.
        OutputError: a checkpoint, a log or a picture cannot be written.
        SegmentError: the loss is no number any more, or memory is short.
        KeyboardInterrupt: Ctrl-C.
    """
    task.schedule = whole_schedule(task.schedule)
    epochs = plan_epochs(task.schedule)
    _hush_lightning()
    checkpoint = usable_checkpoint(folder)
    first_epoch = steps_done(checkpoint) // epochs.steps if checkpoint else 0
    loaders = (training_loader(task, training, epochs.steps, machine, first_epoch=first_epoch),
               validation_loader(task, validation, machine) if validation else None)
    try:
        _trainer(task, folder, machine, epochs).fit(task, *loaders, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:  # so Lightning answers Ctrl-C
        raise KeyboardInterrupt from None
    except OSError as error:
        raise OutputError(f"{error.filename or folder} cannot be read or written ({error.strerror or error}): check "
                          "the disk, and go on with --resume.") from error
    except (RuntimeError, MemoryError) as error:
        raise memory_error(error, task.schedule) or error from None


def training_loader(task: SegmentationTask, cases: Sequence[Case], steps: int, machine: Machine, *,
                    first_epoch: int = 0) -> DataLoader[Any]:
    """Batches of drawn slices, `steps` an epoch; unlabelled cases are of use to the teacher's terms alone."""
    distils = isinstance(task, DistillationTask)
    dataset = SliceDataset([c for c in cases if c.is_labelled or distils], task.recipe.context_offsets_mm)
    schedule, share = task.schedule, task.recipe.distillation.unlabelled_share if distils else 0.0
    sampler = BalancedSampler(dataset, steps, schedule.batch_size, task.recipe.seed, share)
    # Lightning lets processes that fetch slices begin before it says which epoch it is.
    sampler.set_epoch(first_epoch)
    return _loader(dataset, machine, sampler=sampler, batch_size=schedule.batch_size // machine.processes)


def validation_loader(task: SegmentationTask, cases: Sequence[Case], machine: Machine) -> DataLoader[Any]:
    """All slices of some cases in order."""
    dataset = SliceDataset(cases, task.recipe.context_offsets_mm, common_canvas=False)
    share = task.schedule.batch_size // machine.processes
    return _loader(dataset, machine, batch_sampler=CaseBatches(dataset, min(share, MOST_WHOLE_SLICES)))


def _loader(dataset: SliceDataset, machine: Machine, **batches: Any) -> DataLoader[Any]:
    workers = machine.loader_workers
    # Python 3.14 starts processes anew on Linux as well, which takes seconds each; ours touch no GPU and may fork.
    context = "fork" if workers and sys.platform == "linux" else None
    return DataLoader(dataset, num_workers=workers, pin_memory=machine.uses_gpu, persistent_workers=workers > 0,
                      multiprocessing_context=context, **batches)


def _trainer(task: SegmentationTask, folder: Path, machine: Machine, epochs: Epochs) -> lightning.Trainer:
    version = len(list((folder / LOG).glob("version_*")))  # each start of a run logs beside the ones before
    return lightning.Trainer(
        accelerator="gpu" if machine.uses_gpu else "cpu",
        devices=machine.devices,
        num_nodes=machine.nodes,
        # Batch norms are the same everywhere already, and processes may have unequal numbers of slices to validate.
        strategy=DDPStrategy(broadcast_buffers=False) if machine.processes > 1 else "auto",
        precision=machine.precision,
        plugins=[AtomicCheckpointIO()],
        max_epochs=epochs.number,
        check_val_every_n_epoch=epochs.per_validation,
        gradient_clip_val=task.schedule.gradient_clip,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # ours share a batch among processes
        log_every_n_steps=min(10, epochs.steps),
        logger=[CSVLogger(folder, LOG, version=version), TensorBoardLogger(folder, LOG, version=version)],
        callbacks=[
            Pictures(folder),  # before the averaging, which takes its weights back at the end of a validation
            WeightsOnDevice(decay=task.schedule.ema_decay),
            ModelCheckpoint(
                folder, filename=Path(LAST).stem, save_on_train_epoch_end=True, enable_version_counter=False
            ),
            LearningRateMonitor(),
            TrainingProgress(folder.name),
        ],
        enable_model_summary=False,
    )


class WeightsOnDevice(WeightAveraging):
    """Exponential moving average of the weights, made where they are trained.

    Lightning sets it up while the weights still lie in main memory.

    Args:
        decay: share of the average that stays at each step, once enough steps are done: after n, it is at most
            (1 + n) / (10 + n), so that the weights of the beginning are soon forgotten.
    """

    def __init__(self, decay: float) -> None:
        def moved(average: Tensor, current: Tensor, done: int | Tensor) -> Tensor:
            kept = decay_at(int(done), decay)
            return kept * average + (1 - kept) * current

        super().__init__(avg_fn=moved)

    def setup(self, trainer: lightning.Trainer, pl_module: Any, stage: str) -> None:
        pl_module.to(trainer.strategy.root_device)
        super().setup(trainer, pl_module, stage)


def decay_at(done: int, decay: float) -> float:
    """Share of the average that stays when weights are averaged for the `done`-th time.

    Examples:
        >>> [round(decay_at(done, 0.998), 3) for done in (1, 100, 10_000)]
        [0.182, 0.918, 0.998]
    """
    return min(decay, (1 + done) / (10 + done))


def _hush_lightning() -> None:
    """Keep hints away that tell a user nothing: about folders that are meant to exist, and about its own parts."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in ("Checkpoint directory .* exists", ".*does not have many workers", ".*LeafSpec",
                    "The dirpath has changed", "Experiment logs directory .* exists",
                    ".*sync_dist=True.*when logging on epoch level", ".*have no `val_dataloader`"):
        warnings.filterwarnings("ignore", message)


def memory_error(error: BaseException, schedule: Schedule) -> SegmentError | None:
    """One sentence about an error that means too little memory; None for any other."""
    short = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)
    if not short:
        return None
    return SegmentError(f"Memory is short for batches of {schedule.batch_size} slices: lower batch_size of the "
                        "schedule or --view, or raise --machine.devices.")


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)
