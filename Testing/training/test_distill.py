"""The whole line at toy size: raw scans, prepared cases, teacher, student, bundle, segmentation."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from MISTKDSegmentLib.bundle import load_bundle
from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.phantom import make_phantom
from MISTKDSegmentLib.runner import segment
from Training import distill, prepare, train_teacher
from Training.fit import load_weights
from Training.networks import STUDENT, TEACHER, Segmenter
from Training.recipe import Recipe
from Training.tasks import DistillationTask


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Three phantoms, as an nnU-Net raw data set, prepared."""
    raw = tmp_path_factory.mktemp("raw")
    for seed in range(3):
        volume, labels = make_phantom(seed=seed, spacing_mm=(4.0, 4.0, 25.0))
        for name, array in ((f"imagesTr/p{seed}_0000", volume.voxels), (f"labelsTr/p{seed}", labels)):
            path = raw / f"{name}.nii.gz"
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(volume.spacing_mm)
            image.SetOrigin(volume.origin_mm)
            path.parent.mkdir(exist_ok=True)
            sitk.WriteImage(image, str(path))
    names = {"background": 0} | {label.name: label.value for label in ABDOMEN_LABELS}
    (raw / "dataset.json").write_text(json.dumps({"labels": names, "file_ending": ".nii.gz"}))
    out = tmp_path_factory.mktemp("prepared")
    assert prepare.main([str(raw), str(out)]) == 0
    return out


SHORT = ["--validation", "p2", "--teacher-steps", "2", "--teacher-batch-size", "2"]


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    assert distill.main([str(prepared), "--out", str(out), *SHORT, "--student-steps", "2", "--student-batch-size", "2",
                         "--name", "toy"]) == 0
    return out


@pytest.mark.slow
def test_one_command_ends_in_a_bundle_that_segments(run):
    bundle = load_bundle(run / "bundle")
    volume, _ = make_phantom(seed=5, spacing_mm=(4.0, 4.0, 50.0))
    out = np.zeros(volume.voxels.shape, np.uint8)
    assert list(segment(volume, bundle, out))[-1].slices_done == len(out)
    assert bundle.name == "toy"
    assert 8 * bundle.provenance["parameters"]["student"] <= bundle.provenance["parameters"]["teacher"]
    assert bundle.provenance["data"]["validation"] == ["p2"]
    assert bundle.provenance["data"]["training"] == ["p0", "p1"]


@pytest.mark.slow
def test_the_run_folder_says_what_was_run_and_how_it_went(run):
    assert json.loads((run / "recipe.json").read_text())["student_schedule"]["steps"] == 2
    for who in ("teacher", "student"):
        assert (run / who / "last.ckpt").exists()
        assert "dice" in (run / who / "log" / "version_0" / "metrics.csv").read_text().splitlines()[0]


@pytest.mark.slow
def test_a_teacher_can_be_trained_first_and_used_later(prepared, run, tmp_path, capsys):
    assert train_teacher.main([str(prepared), "--out", str(tmp_path / "t"), *SHORT]) == 0
    student = ["--student-steps", "1", "--student-batch-size", "2", "--validation", "p2"]
    checkpoint = str(tmp_path / "t" / "last.ckpt")
    assert distill.main([str(prepared), "--out", str(tmp_path / "s"), "--teacher", checkpoint, *student]) == 0
    assert not (tmp_path / "s" / "teacher").exists()
    assert "onnxruntime differ by at most" in capsys.readouterr().out


@pytest.mark.slow
def test_the_checkpoint_holds_the_student_and_its_projections_but_no_teacher(run):
    state = torch.load(run / "student" / "last.ckpt", weights_only=True)["state_dict"]
    assert {key.split(".")[0] for key in state} == {"network", "sequence_loss"}
    load_weights(Segmenter(3, 9, STUDENT), run / "student" / "last.ckpt")


def tiny_recipe(**weights) -> Recipe:
    small = replace(STUDENT, widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), heads=(1, 1, 1, 1))
    large = replace(STUDENT, widths=(16, 16, 16, 16), depths=(1, 1, 1, 1), heads=(1, 1, 1, 1))
    return replace(Recipe(), student=small, teacher=large, **weights)


def task_of(recipe: Recipe) -> DistillationTask:
    torch.manual_seed(0)
    networks = [Segmenter(3, 9, config) for config in (recipe.student, recipe.teacher)]
    task = DistillationTask(*networks, recipe, recipe.student_schedule, 1.5)
    task.log_dict = lambda *_args, **_kwargs: None
    return task


def test_the_teacher_is_frozen_and_the_student_is_not():
    task = task_of(tiny_recipe())
    before = [p.clone() for p in task._teacher[0].state_dict().values()]
    task.train()
    task.loss(torch.rand(2, 3, 64, 64), torch.zeros(2, 64, 64, dtype=torch.long)).backward()
    assert all(torch.equal(a, b) for a, b in zip(before, task._teacher[0].state_dict().values(), strict=True))
    assert not task._teacher[0].training
    assert not any(p.grad is not None for p in task._teacher[0].parameters())
    assert all(p.grad is not None for p in task.parameters())
    optimised = {id(p) for group in task.configure_optimizers()["optimizer"].param_groups for p in group["params"]}
    assert optimised == {id(p) for p in task.parameters()}


def test_each_term_counts_with_its_weight():
    image, labels = torch.rand(2, 3, 64, 64), torch.zeros(2, 64, 64, dtype=torch.long)

    def loss(**weights) -> float:
        return task_of(tiny_recipe(**weights)).loss(image, labels).item()

    alone = loss(sequence_weight=0.0, logit_weight=0.0)
    once = loss(sequence_weight=1.0, logit_weight=0.0) - alone
    twice = loss(sequence_weight=2.0, logit_weight=0.0) - alone
    assert once > 0.1 and twice == pytest.approx(2 * once, rel=1e-3)
    assert loss(sequence_weight=0.0, logit_weight=1.0) > alone


@pytest.mark.slow
def test_a_run_that_is_finished_exports_again_and_trains_no_further(prepared, run, tmp_path):
    before = (run / "bundle" / "model.onnx").read_bytes()
    again = [str(prepared), "--out", str(run), *SHORT, "--student-steps", "2", "--student-batch-size", "2"]
    assert distill.main([*again, "--bundle", str(tmp_path / "bundle")]) == 0
    assert (tmp_path / "bundle" / "model.onnx").read_bytes() == before


def test_the_scripts_run_as_files():
    for script in ("prepare", "train_teacher", "distill", "postprocessing", "evaluate"):
        path = Path(distill.__file__).with_name(f"{script}.py")
        done = subprocess.run([sys.executable, str(path), "--help"], capture_output=True, encoding="utf-8", check=True)
        assert "usage:" in done.stdout


def test_a_student_of_more_than_an_eighth_is_refused():
    with pytest.raises(InputError, match="at most an eighth"):
        distill.check_share(Segmenter(3, 9, TEACHER), Segmenter(3, 9, TEACHER))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--validation", "nobody"], "no case nobody: name validation cases of yours with --validation"),
     (["--validation", "p0", "p1", "p2"], "validation cases alone"),
     (["--teacher-steps", "0"], "give a number above 0"), (["--teacher", "nowhere.ckpt"], "does not exist"),
     (["--teacher", __file__], "does not hold the recipe's teacher"), (["--seed", "-1"], "from 0 to"),
     (["--teacher", "."], "does not hold the recipe's teacher")],
)
def test_a_users_mistake_is_one_line_and_an_exit_code(prepared, tmp_path, capsys, arguments, message):
    chosen = arguments if "--validation" in arguments else ["--validation", "p2", *arguments]
    assert distill.main([str(prepared), "--out", str(tmp_path / "out"), *chosen]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
