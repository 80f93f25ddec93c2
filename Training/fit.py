"""One training run with Lightning: loaders, checkpoints, averaged weights, logs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import (
    EMAWeightAveraging,
    LearningRateMonitor,
    ModelCheckpoint,
    TQDMProgressBar,
)
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader

from Training.data import BalancedSampler, Case, SliceDataset
from Training.networks import Segmenter
from Training.tasks import SegmentationTask

VALIDATIONS = 8
LAST = "last.ckpt"


def fit(task: SegmentationTask, training: Sequence[Case], validation: Sequence[Case], folder: Path) -> None:
    """Train a task to the end of its schedule; goes on from `folder/last.ckpt` where there is one.

    Args:
        task: what to train.
        training: cases to draw slices from.
        validation: a checkpoint is written and their Dice is logged eight times on the way.
        folder: for checkpoints and logs (CSV and TensorBoard).
    """
    schedule = task.schedule
    steps = -(-schedule.steps // VALIDATIONS)
    dataset = SliceDataset(training, task.recipe.context_offsets_mm)
    sampler = BalancedSampler(dataset.organs_per_slice(), steps * schedule.batch_size, task.recipe.seed)
    loader = DataLoader(dataset, schedule.batch_size, sampler=sampler, drop_last=True)
    loaders = [DataLoader(SliceDataset([case], task.recipe.context_offsets_mm), 16) for case in validation]
    task.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    trainer = lightning.Trainer(
        max_epochs=-1,
        max_steps=schedule.steps,
        devices=1,
        precision="bf16-mixed",
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        logger=[CSVLogger(folder, "log"), TensorBoardLogger(folder, "log")],
        callbacks=[
            EMAWeightAveraging(decay=schedule.ema_decay),
            ModelCheckpoint(
                folder, filename=Path(LAST).stem, save_on_train_epoch_end=True, enable_version_counter=False
            ),
            LearningRateMonitor(),
            TQDMProgressBar(refresh_rate=10),
        ],
        enable_model_summary=False,
    )
    last = folder / LAST
    try:
        trainer.fit(task, loader, loaders, ckpt_path=last if last.exists() else None, weights_only=False)
    except SystemExit:  # so Lightning answers Ctrl-C
        raise KeyboardInterrupt from None


def load_weights(network: Segmenter, checkpoint: Path) -> Segmenter:
    """Put the averaged weights of a checkpoint written by `fit` into a network of the same sizes."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    prefix = "network."
    network.load_state_dict({key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)})
    return network
