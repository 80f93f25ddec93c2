"""The release by one command: every step once, in order, going on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.bundle import load_bundle
from MISTKDSegmentLib.errors import InputError, SegmentError
from MISTKDSegmentLib.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.phantom import make_phantom
from Testing.training.toy import write_config
from Training import prepare, release
from Training.recipe import Recipe
from Training.release import RECIPES, Step, main, run_step


@pytest.fixture
def raw(tmp_path):
    """Three phantoms as an nnU-Net raw data set."""
    folder = tmp_path / "raw"
    for seed in range(3):
        volume, labels = make_phantom(seed=seed, spacing_mm=(4.0, 4.0, 25.0))
        for name, array in ((f"imagesTr/p{seed}_0000", volume.voxels), (f"labelsTr/p{seed}", labels)):
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(volume.spacing_mm)
            image.SetOrigin(volume.origin_mm)
            path = folder / f"{name}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(image, str(path))
    names = {"background": 0} | {label.name: label.value for label in ABDOMEN_LABELS}
    (folder / "dataset.json").write_text(json.dumps({"labels": names, "file_ending": ".nii.gz"}))
    return folder


@pytest.mark.slow
def test_one_command_trains_measures_and_trains_on_all_cases(raw, tmp_path, capsys):
    recipes, out = tmp_path / "recipes", tmp_path / "out"
    recipes.mkdir()
    for name, validation in (("teacher", ("p2",)), ("student", ("p2",)), ("final", ())):
        write_config(recipes / f"{name}.yaml", validation=validation)
    assert prepare.main([str(raw), str(tmp_path / "prepared")]) == 0
    command = [str(tmp_path / "prepared"), "--scans", str(raw), "--cases", "p2", "--out", str(out), "--recipes",
               str(recipes), "--name", "toy"]
    assert main(command) == 0
    bundle = load_bundle(out / "final" / "bundle")
    measured = load_bundle(out / "student" / "bundle")
    assert bundle.name == "toy" and bundle.provenance["data"]["training"] == ["p0", "p1", "p2"]
    assert bundle.provenance["start"]["steps"] == 4
    assert bundle.results == measured.results and bundle.results["cases"] == ["p2"]
    assert bundle.results["bundle"]["sha256"] == measured.sha256 != bundle.sha256
    for name in ("student", "student-without-clean-up", "alone", "teacher"):
        assert list(json.loads((out / "scores" / name / "results.json").read_text())["cases"]) == ["p2"]
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().out.count("done before") == 10


def recording(calls: list, code: int = 0):
    def script(arguments):
        calls.append(list(arguments))
        return code

    return script


def test_a_finished_step_is_not_run_again(tmp_path):
    calls: list[list[str]] = []
    for _ in range(2):
        run_step(Step("score", recording(calls), ("--model", "m")), tmp_path)
    assert calls == [["--model", "m"]]


def test_a_training_that_had_begun_goes_on(tmp_path):
    calls: list[list[str]] = []
    run = tmp_path / "teacher"
    run.mkdir()
    (run / "recipe.yaml").touch()
    run_step(Step("teacher", recording(calls), ("--out", str(run)), run), tmp_path)
    assert calls[0][-1] == "--resume"


@pytest.mark.parametrize(("code", "error"), [(3, InputError), (1, SegmentError), (130, KeyboardInterrupt)])
def test_a_step_that_fails_ends_the_release_and_is_run_again_next_time(code, error, tmp_path):
    calls: list[list[str]] = []
    with pytest.raises(error):
        run_step(Step("score", recording(calls, code), ()), tmp_path)
    run_step(Step("score", recording(calls), ()), tmp_path)
    assert len(calls) == 2


def test_the_recipes_that_ship_can_be_read_and_leave_the_published_cases_out_until_the_end():
    recipes = {}
    for name in ("teacher", "student", "final"):
        parser = release.train_teacher.training_parser("train_teacher", "")
        options = parser.parse_args(["data", "--out", "o", "--config", str(RECIPES / f"{name}.yaml")])
        recipes[name] = parser.instantiate(options)
    assert recipes["teacher"].validation == recipes["student"].validation == Recipe().validation
    assert recipes["final"].validation == ()
    for part in ("augmentation", "distillation", "wide_share", "student_network"):
        assert getattr(recipes["final"], part) == getattr(recipes["student"], part)


def test_options_for_the_trainings_reach_them_alone():
    options = release.parse(release.release_parser(), ["d", "--scans", "s", "--out", "o", "--training",
                                                       "machine.devices=4"])
    options.training = [f"--{option}" for option in options.training]
    assert [step.name for step in release.steps(options) if "--machine.devices=4" in step.arguments] == [
        "teacher", "student", "alone", "final"]
    assert Path(options.out) == Path("o")
