"""How far a training is, on a terminal and in a log."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from Training.engine.callbacks import TrainingProgress


def trainer(step: int, epoch: int = 0):
    return SimpleNamespace(max_epochs=4, num_training_batches=10, global_step=step, current_epoch=epoch,
                           check_val_every_n_epoch=2,
                           progress_bar_metrics={"loss": torch.tensor(1.25), "dice": 0.5, "other": 3})


@pytest.mark.parametrize("terminal", [True, False])
def test_line_for_each_validation(terminal):
    text = StringIO()
    progress = TrainingProgress("student", Console(file=text, force_terminal=terminal, width=100, highlight=False))
    progress.on_train_start(trainer(0), None)
    progress.on_train_batch_end(trainer(10))
    progress.on_train_epoch_end(trainer(10, epoch=0), None)
    assert "step 10" not in text.getvalue()
    progress.on_train_epoch_end(trainer(20, epoch=1), None)
    progress.teardown(trainer(20), None, "fit")
    assert "student: step 20 of 40, loss 1.250, dice 0.500" in text.getvalue()


def test_log_says_where_it_goes_on():
    text = StringIO()
    TrainingProgress("student", Console(file=text)).on_train_start(trainer(20), None)
    assert text.getvalue() == "student: goes on from step 20\n"


def test_other_processes_keep_silent():
    text = StringIO()
    progress = TrainingProgress("student", Console(file=text, force_terminal=True))
    progress.disable()
    progress.on_train_start(trainer(0), None)
    progress.on_train_batch_end(trainer(10))
    progress.on_train_epoch_end(trainer(20, epoch=1), None)
    assert text.getvalue() == ""
