"""What a run may be computed on."""

from __future__ import annotations

import pytest
import torch

from MISTKDSegmentLib.errors import InputError
from Training.engine.machine import Machine


def test_one_process_takes_any_batch():
    Machine(accelerator="cpu").check(7)


@pytest.mark.parametrize(
    ("machine", "message"),
    [(Machine(devices=0), "machine.devices is 0"), (Machine(workers=-1), "machine.workers is -1"),
     (Machine(accelerator="cpu", devices=2, nodes=2), "cannot be shared by 4 processes")],
)
def test_what_makes_no_sense_is_refused(machine, message):
    with pytest.raises(InputError, match=message):
        machine.check(6)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="PyTorch finds none"):
        Machine(accelerator="gpu").check(4)
    assert Machine().device == torch.device("cpu") and Machine().loader_workers == 0


def test_processes_that_torchrun_started_must_be_those_that_train(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    Machine(accelerator="cpu", devices=2).check(4)
    with pytest.raises(InputError, match=r"2 processes were started for machine\.devices x machine\.nodes = 1"):
        Machine(accelerator="cpu").check(4)


def test_workers_may_be_chosen():
    assert Machine(accelerator="cpu", workers=3).loader_workers == 3
