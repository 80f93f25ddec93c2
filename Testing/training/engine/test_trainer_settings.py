"""What a run may be computed on."""

from __future__ import annotations

import pytest
import torch

from MISTKDSegmentLib.errors import InputError
from Training.engine.trainer_settings import TrainerSettings


def test_one_process_any_batch():
    TrainerSettings(accelerator="cpu").check(7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [(TrainerSettings(devices=0), "trainer.devices is 0"), (TrainerSettings(workers=-1), "trainer.workers is -1"),
     (TrainerSettings(accelerator="cpu", devices=2, nodes=2), "cannot be shared by 4 processes")],
)
def test_nonsense_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        settings.check(6)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_gpu():
    with pytest.raises(InputError, match="PyTorch finds none"):
        TrainerSettings(accelerator="gpu").check(4)
    assert TrainerSettings().device == torch.device("cpu") and TrainerSettings().loader_workers == 0


def test_torchrun_must_agree(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    TrainerSettings(accelerator="cpu", devices=2).check(4)
    with pytest.raises(InputError, match=r"2 processes were started for trainer\.devices x trainer\.nodes = 1"):
        TrainerSettings(accelerator="cpu").check(4)


def test_workers_may_be_chosen():
    assert TrainerSettings(accelerator="cpu", workers=3).loader_workers == 3
