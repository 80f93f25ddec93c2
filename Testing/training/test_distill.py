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
import yaml
from filelock import FileLock, Timeout

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.model.bundle import load_bundle
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.phantom.abdomen import make_phantom
from Testing.training.prepared_data import ORGANS, write_prepared
from Testing.training.toy import RECIPE, TRAINER, toy_run, write_config
from Training import distill, prepare, train_teacher
from Training.engine.checkpoints import read_trained
from Training.engine.run_folder import open_run, started_run
from Training.engine.trainings import check_share, read_teacher
from Training.networks.config import TEACHER
from Training.networks.segmenter import Segmenter, parameter_count


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


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    """A run with its teacher, its student and its bundle."""
    folder = tmp_path_factory.mktemp("run")
    config = write_config(folder / "toy.yaml", validation=("p2",))
    assert distill.main([str(prepared), "--config", str(config), "--out", str(folder / "run"), "--name", "toy"]) == 0
    return folder / "run"


@pytest.mark.slow
def test_command_ends_in_a_bundle(run):
    bundle = load_bundle(run / "bundle")
    volume, _ = make_phantom(seed=5, spacing_mm=(4.0, 4.0, 50.0))
    out = np.zeros(volume.voxels.shape, np.uint8)
    assert list(segment(volume, bundle, out))[-1].slices_done == len(out)
    assert bundle.name == "toy" and bundle.labels == ABDOMEN_LABELS
    assert 8 * bundle.provenance["parameters"]["student"] <= bundle.provenance["parameters"]["teacher"]
    assert bundle.provenance["data"]["validation"] == ["p2"]
    assert bundle.provenance["data"]["training"] == ["p0", "p1"]
    assert bundle.provenance["teacher"]["steps"] == 4


@pytest.mark.slow
def test_run_folder(run):
    assert yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))["student_schedule"]["steps"] == 4
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert facts["versions"]["torch"] == torch.__version__ and facts["recipe"]["seed"] == 0
    assert set(facts["data"]["sha256"]) == {"p0", "p1", "p2"} and facts["commit"]
    for who in ("teacher", "student"):
        assert (run / who / "last.ckpt").exists() and (run / who / "previous.ckpt").exists()
        assert "dice" in (run / who / "log" / "version_0" / "metrics.csv").read_text(encoding="utf-8").splitlines()[0]
        assert list((run / who / "log" / "version_0").glob("events.out.tfevents*"))
        assert (run / who / "curves.png").read_bytes().startswith(b"\x89PNG")
        assert [path.name for path in sorted((run / who / "examples").iterdir())] == [
            "step_000002.png", "step_000004.png"]


@pytest.mark.slow
def test_checkpoint_holds_no_teacher(run):
    state = torch.load(run / "student" / "last.ckpt", weights_only=True)["state_dict"]
    assert {key.split(".")[0] for key in state} == {"network", "sequence_loss"}
    assert "sequence_loss" not in str(read_trained(run / "student" / "last.ckpt").network)


@pytest.mark.slow
def test_finished_run_exports_again(prepared, run, tmp_path):
    before = (run / "bundle" / "model.onnx").read_bytes()
    again = [str(prepared), "--config", str(run / "recipe.yaml"), "--out", str(run), "--resume",
             "--trainer.accelerator", "cpu", "--trainer.precision", "32-true"]
    assert distill.main([*again, "--bundle", str(tmp_path / "bundle")]) == 0
    assert (tmp_path / "bundle" / "model.onnx").read_bytes() == before


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Made-up data, and a teacher that was trained on a and b."""
    folder = tmp_path_factory.mktemp("teacher")
    data = write_prepared(folder / "data", unlabelled=["u"])
    assert train_teacher.main([str(data), "--config", str(write_config(folder / "toy.yaml")), "--out",
                               str(folder / "out")]) == 0
    return data, folder / "out" / "last.ckpt"


@pytest.mark.slow
def test_teacher_trained_first(teacher, tmp_path):
    data, checkpoint = teacher
    config = write_config(tmp_path / "toy.yaml")
    before = checkpoint.read_bytes()
    assert distill.main([str(data), "--config", str(config), "--out", str(tmp_path / "s"), "--teacher",
                         str(checkpoint), "--export", "false"]) == 0
    assert not (tmp_path / "s" / "teacher").exists() and not (tmp_path / "s" / "bundle").exists()
    assert checkpoint.read_bytes() == before
    assert read_trained(tmp_path / "s" / "student" / "last.ckpt").provenance["data"]["unlabelled"] == ["u"]


@pytest.mark.slow
def test_several_teachers(teacher, tmp_path, capsys):
    data, first = teacher
    second = first.parent / "previous.ckpt"
    zooms = replace(RECIPE.distillation, teacher_zooms=(1.0, 1.25))
    options = [str(data), "--config", str(write_config(tmp_path / "toy.yaml", distillation=zooms)), "--out",
               str(tmp_path / "s"), "--export", "false"]
    assert distill.main([*options, "--teacher", str(first), str(second)]) == 0
    facts = read_trained(tmp_path / "s" / "student" / "last.ckpt").provenance["teacher"]
    assert [member["steps"] for member in facts["members"]] == [4, 3]
    assert facts["minutes"] == pytest.approx(sum(member["minutes"] for member in facts["members"]))
    assert sorted(facts["seen"].values()) == ["a", "b", "u"]
    assert distill.main([*options, "--teacher", str(second), str(first), "--resume"]) == 3
    assert "was begun with another teacher" in capsys.readouterr().err


@pytest.mark.slow
def test_teacher_named_twice(teacher, tmp_path, capsys):
    data, checkpoint = teacher
    options = [str(data), "--config", str(write_config(tmp_path / "toy.yaml")), "--out", str(tmp_path / "s")]
    assert distill.main([*options, "--teacher", str(checkpoint), str(checkpoint)]) == 3
    assert "is a teacher that --teacher has named already" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


@pytest.mark.slow
def test_teacher_with_other_stages(teacher, tmp_path, capsys):
    data, checkpoint = teacher
    content = torch.load(checkpoint, weights_only=True)
    for name in ("widths", "depths", "heads", "reductions"):
        content["trained"]["network"][name] = content["trained"]["network"][name][:3]
    torch.save(content, tmp_path / "three.ckpt")
    options = [str(data), "--config", str(write_config(tmp_path / "toy.yaml")), "--out", str(tmp_path / "s")]
    assert distill.main([*options, "--teacher", str(tmp_path / "three.ckpt")]) == 3
    error = capsys.readouterr().err
    assert "three.ckpt" in error and "give four positive numbers, one per stage" in error and error.count("\n") == 1
    assert not (tmp_path / "s").exists()


@pytest.mark.slow
def test_misfit_teacher(teacher):
    data, checkpoint = teacher
    fitting = toy_run([data])
    assert read_teacher(fitting, checkpoint).labels == fitting.manifest.labels
    with pytest.raises(InputError, match=r"was trained on a, which --validation names"):
        read_teacher(toy_run([data], validation=("a",)), checkpoint)
    with pytest.raises(InputError, match=r"sees (slices at|a window of)"):
        read_teacher(toy_run([data], context_offsets_mm=(0.0,)), checkpoint)
    with pytest.raises(InputError, match=r"sees pixels of 1\.5 mm and the student of 2\.0"):
        read_teacher(toy_run([data], pixel_spacing_mm=2.0), checkpoint)


@pytest.mark.slow
def test_teacher_of_other_organs(teacher, tmp_path):
    other = write_prepared(tmp_path / "p", labels=ORGANS[::-1])
    with pytest.raises(InputError, match=r"knows other organs \(liver, spleen\)"):
        read_teacher(toy_run([other]), teacher[1])


@pytest.mark.slow
def test_renamed_validation_case(teacher, tmp_path):
    data, checkpoint = teacher
    run = toy_run([data])
    content = run.provenance["data"]["content_sha256"]
    run.provenance["data"]["content_sha256"] = content | {"c": content["b"]}
    with pytest.raises(InputError, match="was trained on c"):
        read_teacher(run, checkpoint)


def test_student_above_an_eighth():
    with pytest.raises(InputError, match="at most an eighth"):
        check_share(Segmenter(3, 9, TEACHER), [Segmenter(3, 9, TEACHER)])


def test_training_imports_no_reader():
    code = "import sys, Training.train_teacher, Training.distill, Training.ablate; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "torch" in loaded
    assert not loaded & {"SimpleITK", "nibabel", "h5py", "onnx", "onnxruntime", "monai"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--validation", "[nobody]"], "no case nobody: name cases of yours with --validation"),
     (["--validation", "[a, b, c]"], "no labelled case is left to train on"),
     (["--teacher-schedule.steps", "0"], "give 1 or more"), (["--teacher", "nowhere.ckpt"], "does not exist"),
     (["--teacher", __file__], "is no checkpoint"), (["--seed", "-1"], "give 0 to 4294967295"),
     (["--resume"], "holds no run to go on with"), (["--trainer.devices", "3"], "cannot be shared by 3 processes"),
     (["--training", "[a, c]"], "c is for training and validation"), (["--name", " "], "--name and --version"),
     (["--augmentation.gamma", "0"], "gamma is 0"),
     (["--trainer.workers", "-1"], "trainer.workers is -1"), (["--validation", "[c, c]"], "names c twice"),
     (["--context-offsets-mm", "[0, .nan]"], "context_offsets_mm is (0.0, nan)"),
     (["--student-start", "nowhere"], "nowhere"),
     (["--student-network.widths", "[64, 64, 64, 64]"], "at most an eighth")],
)
def test_mistakes_are_one_line(tmp_path, capsys, arguments, message):
    data = write_prepared(tmp_path / "data")
    config = write_config(tmp_path / "toy.yaml")
    assert distill.main([str(data), "--config", str(config), "--out", str(tmp_path / "out"), *arguments]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
    assert not (tmp_path / "out").exists()


def test_unwritable_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    options = [str(write_prepared(tmp_path / "data")), "--config", str(write_config(tmp_path / "toy.yaml"))]
    out = ["--out", str(tmp_path / "out"), "--bundle", str(tmp_path / "file" / "bundle")]
    assert distill.main([*options, *out]) == 5
    assert "bundle cannot be written to" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--student-network.widths", "[8, 8, 8]"], "student_network.widths"),
     (["--validation", "c"], "write it as '[A, B]'"), (["--student-schedule.step", "3"], "--student-schedule.step"),
     (["--nonsense", "1"], "--nonsense"),
     (["--student-network.heads", "[3, 1, 1, 1]"], "divide"), (["--view", "wide"], "view"),
     (["--trainer.precision", "8"], "trainer.precision")],
)
def test_wrong_options(tmp_path, capsys, arguments, message):
    config = write_config(tmp_path / "toy.yaml")
    with pytest.raises(SystemExit) as left:
        distill.main(["data", "--config", str(config), "--out", str(tmp_path / "out"), *arguments])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error


@pytest.mark.slow
def test_dry_run(tmp_path, capsys):
    data, config = write_prepared(tmp_path / "data"), write_config(tmp_path / "toy.yaml")
    assert distill.main([str(data), "--config", str(config), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    student = parameter_count(Segmenter(3, 3, RECIPE.student_network))
    assert f"{student:,}" in printed and "teacher" in printed and "GFLOPs" in printed
    assert "2 cases to train on, 0 without reference, 1 for validation" in printed
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_student_is_no_teacher(run, prepared):
    with pytest.raises(InputError, match="is the checkpoint of a student"):
        read_teacher(open_run([prepared], replace(RECIPE, validation=("p2",)), TRAINER),
                             run / "student" / "last.ckpt")


def test_two_trainings_in_one_folder(tmp_path):
    one = toy_run([write_prepared(tmp_path / "data")])
    with started_run(tmp_path / "out", one, resume=False):
        lock = FileLock(tmp_path / "out" / ".lock")
        with pytest.raises(Timeout):
            lock.acquire(blocking=False)
        code = ("import sys; from Testing.training.test_distill import start; start(*sys.argv[1:])")
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "data"), str(tmp_path / "out")],
                              capture_output=True, encoding="utf-8", cwd=Path(__file__).resolve().parents[2])
        assert "another training writes into" in done.stderr
    with started_run(tmp_path / "out", one, resume=True):
        pass


def start(data: str, out: str) -> None:
    with started_run(Path(out), toy_run([Path(data)]), resume=True):
        raise AssertionError("nobody was in the way")


def test_organ_without_training_case(tmp_path):
    data = write_prepared(tmp_path / "p", labels=(*ORGANS, ABDOMEN_LABELS[0]))
    with pytest.raises(InputError, match="no case to train on has aorta"):
        toy_run([data])


@pytest.mark.slow
def test_run_begun_twice(teacher, tmp_path, capsys):
    data, checkpoint = teacher
    config = write_config(tmp_path / "toy.yaml")
    again = [str(data), "--config", str(config), "--out", str(checkpoint.parent)]
    assert train_teacher.main(again) == 3
    assert "holds a run already: add --resume to go on with it" in capsys.readouterr().err
    assert train_teacher.main([*again, "--seed", "1", "--resume"]) == 3
    assert "is of another recipe (seed)" in capsys.readouterr().err


@pytest.mark.slow
def test_other_data(teacher, tmp_path, capsys):
    other = write_prepared(tmp_path / "other", unlabelled=["u"], slices=5)
    config = write_config(tmp_path / "toy.yaml")
    again = [str(other), "--config", str(config), "--out", str(teacher[1].parent), "--resume"]
    assert train_teacher.main(again) == 3
    assert "was begun with other data (a, b, c, u)" in capsys.readouterr().err


@pytest.mark.slow
def test_another_teacher(teacher, tmp_path, capsys):
    data, checkpoint = teacher
    config = write_config(tmp_path / "toy.yaml")
    other = tmp_path / "other.ckpt"
    other.write_bytes((checkpoint.parent / "previous.ckpt").read_bytes())
    options = [str(data), "--config", str(config), "--out", str(tmp_path / "s"), "--export", "false"]
    assert distill.main([*options, "--teacher", str(checkpoint)]) == 0
    assert distill.main([*options, "--teacher", str(checkpoint), "--resume"]) == 0
    assert len(json.loads((tmp_path / "s" / "run.json").read_text(encoding="utf-8"))["starts"]) == 2
    for wrong in (["--teacher", str(other)], []):
        assert distill.main([*options, *wrong, "--resume"]) == 3
        assert "was begun with another teacher" in capsys.readouterr().err


@pytest.mark.slow
def test_the_largest_seed_trains(tmp_path):
    data, config = write_prepared(tmp_path / "data"), write_config(tmp_path / "toy.yaml")
    options = [str(data), "--config", str(config), "--out", str(tmp_path / "out"), "--seed", str(2**32 - 1)]
    assert train_teacher.main([*options, "--teacher-schedule.steps", "1"]) == 0
