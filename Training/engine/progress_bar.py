"""How far a training is: a bar with the time left on a terminal, a line for each validation elsewhere."""

from __future__ import annotations

import sys
from typing import Any

import lightning
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


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
