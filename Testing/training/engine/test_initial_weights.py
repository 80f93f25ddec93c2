"""Networks that start from the weights of a checkpoint of ours."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from importlib.metadata import distribution

import pytest
import torch

from MISTKDSegmentLib.errors import InputError
from Testing.training.prepared_data import ORGANS, write_prepared
from Testing.training.toy import LARGE, SMALL, TRAINER, toy_run
from Training.engine.checkpoints import read_trained
from Training.engine.fit import fit
from Training.engine.initial_weights import start_facts
from Training.engine.provenance import seen_by
from Training.engine.run_folder import started_run
from Training.engine.trainings import new_network, teacher_task
from Training.networks.config import HYBRID_STUDENT
from Training.networks.efficientnet_lite import installed_start
from Training.system.files import file_sha256


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("start") / "data")


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory):
    """A teacher that was trained on a and b."""
    folder = tmp_path_factory.mktemp("first")
    run = toy_run([data])
    fit(teacher_task(run), run.training, run.validation, folder, TRAINER)
    return folder / "last.ckpt"


@pytest.mark.slow
def test_going_on_with_all_cases(data, checkpoint, tmp_path):
    run = toy_run([data], validation=(), teacher_start=str(checkpoint))
    task = teacher_task(run)
    theirs = read_trained(checkpoint).network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in task.network.state_dict().items())
    fit(task, run.training, run.validation, tmp_path, TRAINER)
    trained = read_trained(tmp_path / "last.ckpt")
    assert trained.provenance["data"]["training"] == ["a", "b", "c"] and not trained.provenance["data"]["validation"]
    assert trained.provenance["start"]["steps"] == trained.provenance["steps"] == 4
    assert (tmp_path / "curves.png").exists() and not (tmp_path / "examples").exists()


@pytest.mark.slow
def test_start_that_saw_validation(data, checkpoint):
    run = toy_run([data], validation=("a",))
    with pytest.raises(InputError, match=r"was trained on a, which --validation names"):
        new_network(run, LARGE, str(checkpoint))


@pytest.mark.slow
@pytest.mark.parametrize(("config", "what"), [
    (SMALL, r"other sizes than the network \(widths, decoder_width\)"), (replace(LARGE, heads=(2, 2, 2, 2)), "heads"),
    (replace(LARGE, depths=(1, 1, 1, 2)), "depths"), (replace(LARGE, reductions=(1, 1, 1, 1)), "reductions"),
    (replace(LARGE, separable_decoder=True), "separable_decoder"),
])
def test_start_of_other_sizes(data, checkpoint, config, what):
    with pytest.raises(InputError, match=what):
        new_network(toy_run([data]), config, str(checkpoint))


@pytest.mark.slow
def test_start_with_more_blocks(data, tmp_path):
    run = toy_run([data], teacher_network=replace(LARGE, depths=(1, 1, 1, 2)))
    fit(teacher_task(run), run.training, run.validation, tmp_path, TRAINER)
    with pytest.raises(InputError, match=r"other sizes than the network \(depths\)"):
        new_network(toy_run([data]), LARGE, str(tmp_path / "last.ckpt"))


@pytest.mark.slow
def test_other_pixels_are_accepted(data, checkpoint):
    run = toy_run([data], pixel_spacing_mm=3.0)
    network = new_network(run, replace(LARGE, drop_path=0.1), str(checkpoint))
    theirs = read_trained(checkpoint).network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in network.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("offsets", [(0.0,), (0.0, -5.0, 5.0), (-9.0, 0.0, 9.0)])
def test_start_of_other_slices(data, checkpoint, offsets):
    with pytest.raises(InputError, match=r"sees slices at \(-5\.0, 0\.0, 5\.0\) mm, and this run slices at"):
        new_network(toy_run([data], context_offsets_mm=offsets), LARGE, str(checkpoint))


@pytest.mark.slow
def test_start_of_other_organs(checkpoint, tmp_path):
    wide = write_prepared(tmp_path / "wide", window_hu=(-1000.0, 1000.0))
    with pytest.raises(InputError, match=r"sees a window of \(-125\.0, 275\.0\) HU, and this run a window of"):
        new_network(toy_run([wide]), LARGE, str(checkpoint))
    other = write_prepared(tmp_path / "other", labels=ORGANS[::-1])
    with pytest.raises(InputError, match=r"knows other organs \(liver, spleen\)"):
        new_network(toy_run([other]), LARGE, str(checkpoint))


@pytest.mark.slow
def test_start_of_a_start_that_saw_validation(data, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, changes in ((first, {}), (second, {"training": ("a",), "teacher_start": str(first / "last.ckpt")})):
        run = toy_run([data], validation=(), **changes)
        fit(teacher_task(run), run.training, run.validation, folder, TRAINER)
    assert read_trained(second / "last.ckpt").provenance["data"]["training"] == ["a"]
    facts = start_facts(str(second / "last.ckpt"), LARGE)["start"]
    assert sorted(facts["seen"].values()) == ["a", "b", "c"]
    assert facts["start"]["steps"] == 4 and "seen" not in facts["start"]
    with pytest.raises(InputError, match="was trained on c, which --validation names"):
        new_network(toy_run([data], validation=("c",)), LARGE, str(second / "last.ckpt"))


def test_missing_start(data):
    with pytest.raises(InputError, match=r"nowhere\.ckpt does not exist"):
        new_network(toy_run([data]), LARGE, "nowhere.ckpt")


def test_random_start_leaves_no_facts():
    assert start_facts(None, LARGE) == start_facts("random", LARGE) == start_facts("random", HYBRID_STUDENT) == {}


def test_weights_of_a_hybrid_are_told():
    facts = start_facts(None, HYBRID_STUDENT)["pretrained"]
    assert facts["sha256"] == file_sha256(installed_start("lite0"))
    package = distribution(facts["weights"])
    assert facts["version"] == package.version and facts["licence"] == "Apache-2.0"
    assert "Apache Software License 2.0" in (package.read_text("LICENSE") or "")
    # Named as a file, it is the same or refused.
    assert start_facts(str(installed_start("lite0")), HYBRID_STUDENT)["pretrained"] == facts


def test_segformer_start_is_told(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert start_facts(str(tmp_path), LARGE) == {"pretrained": {
        "weights": tmp_path.name, "sha256": hashlib.sha256(b"weights").hexdigest()}}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "network"), [
    ("checkpoint", "teacher"), ("checkpoint", "student"), ("folder", "teacher")])
def test_changed_start_weights(data, checkpoint, tmp_path, kind, network):
    weights = tmp_path / "start.ckpt" if kind == "checkpoint" else tmp_path / "segformer" / "model.safetensors"
    weights.parent.mkdir(exist_ok=True)
    start = weights if kind == "checkpoint" else weights.parent
    shutil.copyfile(checkpoint, weights)
    run = toy_run([data], **{f"{network}_start": str(start)})
    with started_run(tmp_path / "out", run, resume=False):
        pass
    with started_run(tmp_path / "out", run, resume=True):
        pass
    shutil.copyfile(checkpoint.parent / "previous.ckpt", weights)
    with pytest.raises(InputError, match=f"was begun with other weights than {network}_start names now"), \
            started_run(tmp_path / "out", run, resume=True):
        pytest.fail("it went on")


def test_seen_cases_add_up():
    provenance = {"data": {"training": ["a"], "unlabelled": ["u"], "content_sha256": {"a": "1", "v": "9"}},
                  "start": {"seen": {"2": "b"}}, "teacher": {"seen": {"2": "b", "3": "c"}, "steps": 4}}
    assert seen_by(provenance) == {"1": "a", "u": "u", "2": "b", "3": "c"}
    assert seen_by({}) == {}
