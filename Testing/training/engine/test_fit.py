"""Training runs: killed and resumed, shared by two processes, stopped by what cannot go on."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from MISTKDSegmentLib.errors import SegmentError
from Testing.training.prepared_data import write_prepared
from Testing.training.toy import LARGE, SCHEDULE, TRAINER, toy_run, write_config
from Training import distill
from Training.engine.callbacks import WeightsOnDevice
from Training.engine.checkpoints import steps_done, usable_checkpoint
from Training.engine.fit import Epochs, fit, memory_error, plan_epochs, training_loader
from Training.engine.recipe import Schedule
from Training.engine.trainings import teacher_task

PATIENCE_S = 300
LONGER = replace(SCHEDULE, steps=6, validations=3)
SCRIPTS = Path(distill.__file__).parent


def command(script: str, data: Path, folder: Path, *options: str) -> list[str]:
    config = write_config(data.parent / "toy.yaml", teacher_schedule=LONGER, student_schedule=LONGER,
                          teacher_network=replace(LARGE, drop_path=0.3))
    return [sys.executable, str(SCRIPTS / script), str(data), "--config", str(config), "--out", str(folder), *options]


def losses(folder: Path) -> dict[int, float]:
    """Loss by step over all starts of a run."""
    found: dict[int, float] = {}
    for path in sorted(folder.glob("log/version_*/metrics.csv")):
        with open(path, newline="") as file:
            found |= {int(row["step"]): float(row["loss"]) for row in csv.DictReader(file) if row["loss"]}
    return found


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("fit") / "data", unlabelled=["u"])


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run of teacher and student by one process that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    subprocess.run(command("distill.py", data, folder, "--export", "false"), check=True, timeout=PATIENCE_S)
    return folder


@pytest.mark.slow
def test_two_processes_learn_the_same(data, whole, tmp_path):
    shared = command("distill.py", data, tmp_path / "two", "--export", "false", "--trainer.devices", "2")
    done = subprocess.run(shared, check=True, timeout=PATIENCE_S, env=os.environ | {"OMP_NUM_THREADS": "1"},
                          capture_output=True, encoding="utf-8")
    assert "GLOBAL_RANK: 1, MEMBER: 2/2" in done.stderr
    for who in ("teacher", "student"):
        alone, together = losses(whole / who), losses(tmp_path / "two" / who)
        assert sorted(alone) == list(range(6))
        assert together == pytest.approx(alone, rel=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_run_goes_on(data, whole, tmp_path):
    folder = tmp_path / "killed"
    process = subprocess.Popen(command("distill.py", data, folder, "--export", "false"))
    wait_for(folder / "student" / "previous.ckpt", process)
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_S)
    # Killed while one checkpoint takes the place of the other, it goes on from the one that is there.
    assert 2 <= steps_done(usable_checkpoint(folder / "student")) < 6
    subprocess.run(command("distill.py", data, folder, "--export", "false", "--resume"), check=True,
                   timeout=PATIENCE_S)
    for who in ("teacher", "student"):
        assert losses(folder / who) == pytest.approx(losses(whole / who), rel=1e-5)
        ours, theirs = (weights(run / who / "last.ckpt") for run in (folder, whole))
        assert all(torch.allclose(ours[name].float(), theirs[name].float(), atol=1e-6) for name in theirs)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_damaged_checkpoint(data, whole, tmp_path, capsys):
    run = toy_run([data], teacher_schedule=LONGER, teacher_network=replace(LARGE, drop_path=0.3))
    folder = tmp_path / "teacher"
    folder.mkdir()
    for name in ("last.ckpt", "previous.ckpt"):
        (folder / name).write_bytes((whole / "teacher" / name).read_bytes())
    content = bytearray((folder / "last.ckpt").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(byte ^ 1 for byte in content[middle : middle + 200])  # not padding alone
    (folder / "last.ckpt").write_bytes(content)
    fit(teacher_task(run), run.training, run.validation, folder, TRAINER)
    assert "last.ckpt is damaged; the run goes on from" in capsys.readouterr().err
    ours, theirs = weights(folder / "last.ckpt"), weights(whole / "teacher" / "last.ckpt")
    assert all(torch.allclose(ours[name].float(), theirs[name].float(), atol=1e-6) for name in theirs)


@pytest.mark.slow
def test_nan_loss_names_the_slices(data, tmp_path):
    run = toy_run([data])
    task = teacher_task(run)
    real = task.terms

    def broken(*args):
        terms = real(*args)
        return terms if task.global_step < 2 else {"segmentation": terms["segmentation"] * torch.nan}

    task.terms = broken
    with pytest.raises(SegmentError, match=r"no number any more at step 2 \(segmentation; slices [ab]:\d, [ab]:\d\)"):
        fit(task, run.training, run.validation, tmp_path, TRAINER)
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 2
    assert all(value.isfinite().all() for value in kept["state_dict"].values())


@pytest.mark.slow
def test_nan_gradient_reaches_no_checkpoint(data, tmp_path):
    run = toy_run([data])
    task = teacher_task(run)
    bias = task.network.decoder.head.bias
    bias.register_hook(lambda gradient: gradient * torch.nan if task.global_step == 2 else gradient)
    with pytest.raises(SegmentError, match=r"no number any more at step 2 \(its gradient; slices"):
        fit(task, run.training, run.validation, tmp_path, TRAINER)
    assert all(value.isfinite().all() for value in weights(tmp_path / "last.ckpt").values())


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_same_slices_after_a_stop(data, tmp_path, workers):
    settings = replace(TRAINER, workers=workers)
    shown: dict[str, list[list[int]]] = {"whole": [], "stopped": []}

    def train(name: str, stop_at: int | None) -> None:
        run = toy_run([data], teacher_schedule=replace(LONGER, checkpoint_steps=2))
        task = teacher_task(run)
        real = task.training_step

        def step(*args):
            if task.global_step == stop_at:
                raise SegmentError("stopped")
            shown[name].append(args[0].place.tolist())
            return real(*args)

        task.training_step = step
        fit(task, run.training, run.validation, tmp_path / name, settings)

    train("whole", None)
    with pytest.raises(SegmentError, match="stopped"):
        train("stopped", 4)
    train("stopped", None)
    assert shown["stopped"] == shown["whole"] and len(shown["whole"]) == 6


@pytest.mark.slow
def test_short_memory_says_what_to_lower(data, tmp_path):
    run = toy_run([data])
    task = teacher_task(run)
    task.terms = lambda *_args: torch.empty(2**55)
    with pytest.raises(SegmentError, match="batches of 2 slices: lower batch_size"):
        fit(task, run.training, run.validation, tmp_path, TRAINER)


def test_other_errors_pass():
    assert memory_error(RuntimeError("shapes differ"), SCHEDULE) is None
    assert memory_error(torch.OutOfMemoryError("CUDA out of memory"), SCHEDULE)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits on file sizes")
def test_full_disk_keeps_the_checkpoint(data, tmp_path):
    limited = ("import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
               "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2);"
               "from Training import train_teacher; sys.exit(train_teacher.main(sys.argv[1:]))")
    options = command("train_teacher.py", data, tmp_path / "run")[2:]
    done = subprocess.run([sys.executable, "-c", limited, *options], capture_output=True, encoding="utf-8",
                          timeout=PATIENCE_S)
    assert done.returncode == 5, done.stderr
    assert "last.ckpt cannot be written" in done.stderr.strip().splitlines()[-1]
    assert not list((tmp_path / "run").rglob("*.ckpt"))


def test_teacher_ignores_unlabelled_cases(data):
    run = toy_run([data])
    dataset = training_loader(teacher_task(run), run.training, 1, TRAINER).dataset
    assert [case.name for case in dataset.cases] == ["a", "b"]


@pytest.mark.slow
def test_loader_processes_change_nothing(data):
    run = toy_run([data])
    fetched = []
    for workers in (0, 2):
        loader = training_loader(teacher_task(run), run.training, 3, replace(TRAINER, workers=workers))
        loader.sampler.set_epoch(2)
        fetched.append([(batch.place.tolist(), batch.seed.tolist(), batch.image.sum().item()) for batch in loader])
    assert fetched[0] == fetched[1] and len(fetched[0]) == 3


@pytest.mark.parametrize(
    ("steps", "validations", "checkpoint_steps", "expected"),
    [(2400, 8, 100, (24, 100, 3)), (850, 8, 100, (16, 54, 2)), (10, 4, 100, (4, 3, 1)), (2, 8, 100, (2, 1, 1)),
     (1, 8, 100, (1, 1, 1)), (7, 1, 2, (4, 2, 4))],
)
def test_equal_epochs(steps, validations, checkpoint_steps, expected):
    schedule = Schedule(steps=steps, validations=validations, checkpoint_steps=checkpoint_steps)
    epochs = plan_epochs(schedule)
    assert epochs == Epochs(*expected)
    assert epochs.number * epochs.steps >= steps and epochs.number % epochs.per_validation == 0
    assert epochs.steps <= checkpoint_steps


def test_average_forgets_the_first():
    average = WeightsOnDevice(decay=0.5)._kwargs["avg_fn"]
    # After one step 2 of 11 parts stay; after many, the half that was asked for.
    assert average(torch.tensor(11.0), torch.tensor(0.0), torch.tensor(1)).item() == pytest.approx(2.0)
    assert average(torch.tensor(11.0), torch.tensor(0.0), torch.tensor(1000)).item() == pytest.approx(5.5)
