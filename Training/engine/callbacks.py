"""Callbacks of a training: pictures, a progress bar, averaged weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ProgressBar, WeightAveraging
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import default_collate

from Training.data.slice_dataset import Draw, SliceDataset
from Training.evaluation.pictures import CURVES, curve_figure, example_figure, read_curves, save, telling_slices

EXAMPLES = "examples"
MOST_EXAMPLES = 4


class Pictures(Callback):
    """After every validation: `curves.png`, and `examples/step_NNNNNN.png` with slices of the validation cases.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        cases = trainer.val_dataloaders.dataset.cases[:MOST_EXAMPLES]
        dataset = SliceDataset(cases, pl_module.recipe.context_offsets_mm)
        batch = default_collate([dataset[Draw(place, 0)] for place in telling_slices(dataset)])
        with torch.no_grad():
            batch = type(batch)(*(part.to(pl_module.device) for part in batch))
            labels, scores = pl_module.predict(batch)
            context = pl_module.whole_slices(batch)[0]
        pixels = context[:, pl_module.own_slice]
        figure = example_figure(pixels.cpu().numpy(), labels.cpu().numpy(), scores.argmax(1).cpu().numpy(),
                                [dataset.name(int(place)) for place in batch.place], pl_module.manifest.labels)
        save(figure, self.folder / EXAMPLES / f"step_{trainer.global_step:06d}.png")

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        if trainer.is_global_zero:
            trainer.loggers[0].save()
            curves = read_curves(self.folder)
            if curves:
                save(curve_figure(curves, pl_module.manifest.labels), self.folder / CURVES)


class TrainingProgress(ProgressBar):
    """Steps done of all, loss, Dice of the last validation and the time left.

    Args:
        title: what is trained, e.g. "student".
        console: where to print; by default standard error.
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        super().__init__()
        self.title = title
        self._console = console or Console(file=sys.stderr, highlight=False)
        self._bar: Progress | None = None
        self._enabled = True

    def disable(self) -> None:
        """Keep silent; Lightning asks all processes but the first to."""
        self._enabled = False

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        total = trainer.max_epochs * trainer.num_training_batches
        if self._enabled and self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                       TextColumn("{task.fields[values]}"))
            self._bar = Progress(*columns, console=self._console)
            self._task = self._bar.add_task(self.title, total=total, completed=trainer.global_step, values="")
            self._bar.start()
        elif self._enabled and trainer.global_step:
            self._console.print(f"{self.title}: goes on from step {trainer.global_step}")

    def on_train_batch_end(self, trainer: lightning.Trainer, *_args: Any, **_kwargs: Any) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=trainer.global_step, values=_values(trainer))

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        validated = (trainer.current_epoch + 1) % trainer.check_val_every_n_epoch == 0
        if self._enabled and validated:
            print_line = self._bar.console.print if self._bar is not None else self._console.print
            total = trainer.max_epochs * trainer.num_training_batches
            print_line(f"{self.title}: step {trainer.global_step} of {total}, {_values(trainer)}")

    def teardown(self, trainer: lightning.Trainer, pl_module: Any, stage: str) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _values(trainer: lightning.Trainer) -> str:
    metrics = trainer.progress_bar_metrics
    return ", ".join(f"{name} {float(metrics[name]):.3f}" for name in ("loss", "dice") if name in metrics)


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
