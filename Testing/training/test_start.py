"""Networks that start from the weights of a checkpoint of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from MISTKDSegmentLib.errors import InputError
from Testing.training.prepared_data import ORGANS, write_prepared
from Testing.training.toy import LARGE, MACHINE, SMALL, toy_run
from Training.checkpoints import read_trained
from Training.fit import fit
from Training.start import start_facts
from Training.train_teacher import new_network, teacher_task


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("start") / "data")


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory):
    """A teacher that was trained on a and b."""
    folder = tmp_path_factory.mktemp("first")
    run = toy_run([data])
    fit(teacher_task(run), run.training, run.validation, folder, MACHINE)
    return folder / "last.ckpt"


@pytest.mark.slow
def test_a_training_goes_on_from_the_weights_of_another_on_all_cases_without_validation(data, checkpoint, tmp_path):
    run = toy_run([data], validation=(), teacher_start=str(checkpoint))
    task = teacher_task(run)
    theirs = read_trained(checkpoint).network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in task.network.state_dict().items())
    fit(task, run.training, run.validation, tmp_path, MACHINE)
    trained = read_trained(tmp_path / "last.ckpt")
    assert trained.provenance["data"]["training"] == ["a", "b", "c"] and not trained.provenance["data"]["validation"]
    assert trained.provenance["start"]["steps"] == trained.provenance["steps"] == 4
    assert (tmp_path / "curves.png").exists() and not (tmp_path / "examples").exists()


@pytest.mark.slow
def test_a_start_that_saw_a_validation_case_is_refused(data, checkpoint):
    run = toy_run([data], validation=("a",))
    with pytest.raises(InputError, match=r"was trained on a, which --validation names"):
        new_network(run, LARGE, str(checkpoint))


@pytest.mark.slow
@pytest.mark.parametrize(("config", "what"), [
    (SMALL, "other sizes"), (replace(LARGE, heads=(2, 2, 2, 2)), "heads"),
    (replace(LARGE, depths=(1, 1, 1, 2)), "other sizes"),
])
def test_a_start_of_other_sizes_is_refused(data, checkpoint, config, what):
    with pytest.raises(InputError, match=what):
        new_network(toy_run([data]), config, str(checkpoint))


@pytest.mark.slow
def test_a_start_of_other_slices_or_organs_is_refused(data, checkpoint, tmp_path):
    with pytest.raises(InputError, match=r"other sizes than the network \(encoder\.patch_embeddings\.0"):
        new_network(toy_run([data], context_offsets_mm=(0.0,)), LARGE, str(checkpoint))
    other = write_prepared(tmp_path / "other", labels=ORGANS[::-1])
    with pytest.raises(InputError, match=r"knows other organs \(liver, spleen\)"):
        new_network(toy_run([other]), LARGE, str(checkpoint))


def test_a_start_that_is_missing_is_refused(data):
    with pytest.raises(InputError, match=r"nowhere\.ckpt does not exist"):
        new_network(toy_run([data]), LARGE, "nowhere.ckpt")


def test_other_starts_leave_no_facts():
    assert start_facts(None) == start_facts("folder/of/segformer") == {}
