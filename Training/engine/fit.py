"""A training with Lightning: loaders, checkpoints, averaged weights, logs, pictures."""

from __future__ import annotations

import io
import logging
import math
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy
from torch.utils.data import DataLoader

from MISTKDSegmentLib.errors import OutputError, SegmentError
from MISTKDSegmentLib.io.atomic import atomic_path, remove_leftovers
from Training.data.prepared import PreparedCase
from Training.data.slice_dataset import BalancedSampler, CaseBatches, SliceDataset
from Training.engine.callbacks import Pictures, TrainingProgress, WeightsOnDevice
from Training.engine.checkpoints import LAST, PREVIOUS, steps_done, usable_checkpoint
from Training.engine.recipe import Schedule
from Training.engine.tasks import DistillationTask, SegmentationTask
from Training.engine.trainer_settings import TrainerSettings

LOG = "log"
MOST_WHOLE_SLICES = 16


class Epochs(NamedTuple):
    """Cut of a training into epochs: each ends with a checkpoint, and some with a validation.

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
    between = math.ceil(schedule.steps / min(schedule.validations, schedule.steps))
    per_validation = math.ceil(between / schedule.checkpoint_steps)
    steps = math.ceil(between / per_validation)
    return Epochs(math.ceil(schedule.steps / (steps * per_validation)) * per_validation, steps, per_validation)


def whole_schedule(schedule: Schedule) -> Schedule:
    """The schedule with its steps rounded up to whole epochs."""
    epochs = plan_epochs(schedule)
    return replace(schedule, steps=epochs.number * epochs.steps)


def fit(task: SegmentationTask, training: Sequence[PreparedCase], validation: Sequence[PreparedCase], folder: Path,
        settings: TrainerSettings) -> None:
    """Train a task to the end of its schedule; goes on from the newest undamaged checkpoint in `folder`.

    Args:
        task: what to train.
        training: cases to draw slices from.
        validation: labelled cases whose Dice is logged on the way; there may be none.
        folder: for checkpoints, logs (CSV and TensorBoard), learning curves and example pictures.
        settings: what to compute on.

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
    loaders = (training_loader(task, training, epochs.steps, settings, first_epoch=first_epoch),
               validation_loader(task, validation, settings) if validation else None)
    try:
        _trainer(task, folder, settings, epochs).fit(task, *loaders, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:  # so Lightning answers Ctrl-C
        raise KeyboardInterrupt from None
    except OSError as error:
        raise OutputError(f"{error.filename or folder} cannot be read or written ({error.strerror or error}): check "
                          "the disk, and go on with --resume.") from error
    except (RuntimeError, MemoryError) as error:
        raise memory_error(error, task.schedule) or error from None


def training_loader(task: SegmentationTask, cases: Sequence[PreparedCase], steps: int, settings: TrainerSettings, *,
                    first_epoch: int = 0) -> DataLoader[Any]:
    """Batches of drawn slices, `steps` an epoch; unlabelled cases are of use to the teacher's terms alone."""
    distils = isinstance(task, DistillationTask)
    dataset = SliceDataset([c for c in cases if c.is_labelled or distils], task.recipe.context_offsets_mm)
    schedule, share = task.schedule, task.recipe.distillation.unlabelled_share if distils else 0.0
    sampler = BalancedSampler(dataset, steps, schedule.batch_size, task.recipe.seed, share)
    # Lightning lets processes that fetch slices begin before it says which epoch it is.
    sampler.set_epoch(first_epoch)
    return _loader(dataset, settings, sampler=sampler, batch_size=schedule.batch_size // settings.processes)


def validation_loader(task: SegmentationTask, cases: Sequence[PreparedCase], settings: TrainerSettings
                      ) -> DataLoader[Any]:
    """Batches of all slices of some cases in order, each of one case."""
    dataset = SliceDataset(cases, task.recipe.context_offsets_mm, common_canvas=False)
    share = task.schedule.batch_size // settings.processes
    return _loader(dataset, settings, batch_sampler=CaseBatches(dataset, min(share, MOST_WHOLE_SLICES)))


def _loader(dataset: SliceDataset, settings: TrainerSettings, **batches: Any) -> DataLoader[Any]:
    workers = settings.loader_workers
    # Python 3.14 starts processes anew on Linux as well, which takes seconds each; ours touch no GPU and may fork.
    context = "fork" if workers and sys.platform == "linux" else None
    return DataLoader(dataset, num_workers=workers, pin_memory=settings.uses_gpu, persistent_workers=workers > 0,
                      multiprocessing_context=context, **batches)


def _trainer(task: SegmentationTask, folder: Path, settings: TrainerSettings, epochs: Epochs) -> lightning.Trainer:
    version = len(list((folder / LOG).glob("version_*")))  # each start of a run logs beside the ones before
    return lightning.Trainer(
        accelerator="gpu" if settings.uses_gpu else "cpu",
        devices=settings.devices,
        num_nodes=settings.nodes,
        # Batch norms are the same everywhere already, and processes may have unequal numbers of slices to validate.
        strategy=DDPStrategy(broadcast_buffers=False) if settings.processes > 1 else "auto",
        precision=settings.precision,
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


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints, each written whole before it takes the place of the last, which is kept."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: if it cannot be written, e.g. because the disk is full; the last one stays.
        """
        target = Path(path)
        content = io.BytesIO()
        torch.save(checkpoint, content)
        target.parent.mkdir(parents=True, exist_ok=True)
        # A checkpoint of a process that was killed takes much room, and no other training writes into this folder.
        remove_leftovers(target.parent)
        with atomic_path(target) as temporary:
            with open(temporary, "wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            # Not before the new one is safe: until then, the last is the one to go on from.
            if target.exists():
                os.replace(target, target.with_name(PREVIOUS))


def _hush_lightning() -> None:
    """Keep hints away that tell a user nothing: about folders that are meant to exist, and about its own parts."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in ("Checkpoint directory .* exists", ".*does not have many workers", ".*LeafSpec",
                    "The dirpath has changed", "Experiment logs directory .* exists",
                    ".*sync_dist=True.*when logging on epoch level", ".*have no `val_dataloader`"):
        warnings.filterwarnings("ignore", message)


def memory_error(error: BaseException, schedule: Schedule) -> SegmentError | None:
    """Error that says in one sentence that memory is short; None where another error means something else."""
    short = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)
    if not short:
        return None
    return SegmentError(f"Memory is short for batches of {schedule.batch_size} slices: lower batch_size of the "
                        "schedule or --view, or raise --trainer.devices.")
