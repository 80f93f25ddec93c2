"""Checkpoints are written whole, keep the one before, and say what they hold."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.model.bundle import InputContract
from Testing.training.prepared_data import ORGANS
from Testing.training.toy import SMALL
from Training.engine.checkpoints import (
    DESCRIPTION,
    LAST,
    PREVIOUS,
    describe,
    is_whole,
    read_trained,
    usable_checkpoint,
)
from Training.engine.fit import AtomicCheckpointIO
from Training.networks.segmenter import Segmenter

CONTRACT = InputContract((-125.0, 275.0), 2.0, 32, (-5.0, 0.0, 5.0), 3.0)


def save(folder: Path, step: int) -> None:
    AtomicCheckpointIO().save_checkpoint({"step": step}, folder / LAST)


def step(path: Path) -> int:
    return torch.load(path, weights_only=True)["step"]


def test_previous_is_kept(tmp_path):
    for number in (1, 2, 3):
        save(tmp_path / "run", number)
    assert (step(tmp_path / "run" / LAST), step(tmp_path / "run" / PREVIOUS)) == (3, 2)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [LAST, PREVIOUS]


def test_leftovers_are_removed(tmp_path):
    (tmp_path / ".mistkd-0123456789ab.ckpt").write_bytes(b"half")
    save(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == [LAST]


def test_full_disk_leaves_both(tmp_path, monkeypatch):
    save(tmp_path, 1)
    save(tmp_path, 2)

    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"last\.ckpt cannot be written: the disk is full"):
        save(tmp_path, 3)
    assert (step(tmp_path / LAST), step(tmp_path / PREVIOUS)) == (2, 1)
    assert len(list(tmp_path.iterdir())) == 2


def test_newest_undamaged_is_used(tmp_path, capsys):
    assert usable_checkpoint(tmp_path) is None
    save(tmp_path, 1)
    save(tmp_path, 2)
    assert usable_checkpoint(tmp_path) == tmp_path / LAST
    assert capsys.readouterr().err == ""
    content = (tmp_path / LAST).read_bytes()
    for damaged in (content[: len(content) // 2], b"", content.replace(b"step", b"stop", 1)):
        (tmp_path / LAST).write_bytes(damaged)
        assert usable_checkpoint(tmp_path) == tmp_path / PREVIOUS
        assert "last.ckpt is damaged; the run goes on from" in capsys.readouterr().err
        assert not (tmp_path / LAST).exists()  # or the next one to be saved would push out the good one
    assert usable_checkpoint(tmp_path) == tmp_path / PREVIOUS
    (tmp_path / PREVIOUS).write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read any more"):
        usable_checkpoint(tmp_path)


def test_flipped_bit_is_noticed(tmp_path):
    AtomicCheckpointIO().save_checkpoint({"weights": torch.arange(1000.0)}, tmp_path / LAST)
    assert is_whole(tmp_path / LAST)
    content = bytearray((tmp_path / LAST).read_bytes())
    content[len(content) // 2] ^= 16
    (tmp_path / LAST).write_bytes(content)
    assert not is_whole(tmp_path / LAST)


def trained_checkpoint(path: Path, **changes) -> Segmenter:
    network = Segmenter(3, 3, SMALL)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    state["sequence_loss.projections.0.weight"] = torch.zeros(1)
    content = {"state_dict": state, DESCRIPTION: describe(network, ORGANS, CONTRACT, {"commit": "abc"})} | changes
    AtomicCheckpointIO().save_checkpoint(content, path)
    return network


def test_complete_in_itself(tmp_path):
    network = trained_checkpoint(tmp_path / LAST)
    trained = read_trained(tmp_path / LAST)
    assert trained.labels == ORGANS and trained.contract == CONTRACT and trained.provenance == {"commit": "abc"}
    assert trained.network.config == SMALL and not trained.network.training
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(trained.network(image), network.eval()(image))


def test_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_trained(tmp_path / LAST)
    trained_checkpoint(tmp_path / "a.ckpt", **{DESCRIPTION: {"labels": []}})
    trained_checkpoint(tmp_path / "b.ckpt", state_dict={})
    other = describe(Segmenter(3, 3, replace(SMALL, widths=(16, 8, 8, 8))), ORGANS, CONTRACT, {})
    trained_checkpoint(tmp_path / "c.ckpt", **{DESCRIPTION: other})
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(InputError, match="holds no trained network"):
            read_trained(path)
    (tmp_path / "d.ckpt").write_bytes(b"text")
    with pytest.raises(InputError, match=r"d\.ckpt is no checkpoint"):
        read_trained(tmp_path / "d.ckpt")


def test_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "touched",)

    torch.save({"state_dict": Evil()}, tmp_path / LAST)
    with pytest.raises(InputError, match="is no checkpoint"):
        read_trained(tmp_path / LAST)
    assert not (tmp_path / "touched").exists()
