"""The release by one command: every step once, in order, going on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import yaml

from MISTKDSegmentLib.errors import InputError, OutputError, SegmentError
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.phantom.abdomen import make_phantom
from Testing.training.made_up_scans import write_dataset_json, write_nifti
from Testing.training.prepared_data import write_prepared
from Testing.training.toy import SMALL, write_config
from Training import prepare, release
from Training.cli.training_options import recipe_of
from Training.data.manifest import CaseEntry, Manifest
from Training.engine.recipe import Recipe
from Training.release import NAMES, RECIPES, check_recipes, main, steps, training_options
from Training.releasing.steps import Step, run_step


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
def test_one_command(raw, tmp_path, capsys):
    recipes, out = tmp_path / "recipes", tmp_path / "out"
    recipes.mkdir()
    for name, validation in (("teacher", ("p2",)), ("begin", ("p2",)), ("student", ("p2",)), ("final", ())):
        write_config(recipes / f"{name}.yaml", validation=validation, seed=3)
    assert prepare.main([str(raw), str(tmp_path / "prepared")]) == 0
    command = [str(tmp_path / "prepared"), "--scans", str(raw), "--out", str(out), "--recipes", str(recipes), "--name",
               "toy"]
    assert main(command) == 0
    bundle = load_bundle(out / "final" / "bundle")
    measured = load_bundle(out / "student" / "bundle")
    assert bundle.name == "toy" and bundle.provenance["data"]["training"] == ["p0", "p1", "p2"]
    assert bundle.provenance["start"]["steps"] == 4
    assert bundle.results == measured.results and bundle.results["cases"] == ["p2"]
    assert bundle.results["bundle"]["sha256"] == measured.sha256 != bundle.sha256
    for name in ("student", "student-without-postprocessing", "alone", "teacher"):
        assert list(json.loads((out / "scores" / name / "results.json").read_text())["cases"]) == ["p2"]
    capsys.readouterr()
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert printed.count("done before") == 11 and "Dry run" not in printed
    assert main([*command, "--model-version", "9.9"]) == InputError.exit_code
    assert "student in" in (error := capsys.readouterr().err) and "with another --model-version" in error


def write_recipes(folder: Path, **changes: dict) -> Path:
    """Toy recipes of cases a, b and c, where c is for validation; changes by name of the recipe."""
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        own = {"validation": ()} if name == "final" else {}
        write_config(folder / f"{name}.yaml", **own | changes.get(name, {}))
    return folder


@pytest.fixture
def command(tmp_path):
    """A release of made-up cases by toy recipes."""
    data = write_prepared(tmp_path / "prepared")
    for name in "abc":
        write_nifti(tmp_path / "raw" / "imagesTr" / f"{name}_0000.nii.gz", np.zeros((2, 3, 4), np.int16), (1, 1, 5))
        write_nifti(tmp_path / "raw" / "labelsTr" / f"{name}.nii.gz", np.ones((2, 3, 4), np.uint8), (1, 1, 5))
    write_dataset_json(tmp_path / "raw", liver=1, spleen=2)
    return [str(data), "--scans", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--recipes",
            str(write_recipes(tmp_path / "recipes"))]


def test_dry_run(command, tmp_path, capsys):
    assert main([*command, "--dry-run"]) == 0
    tables = capsys.readouterr().out.split("Dry run on")[1:]
    assert [next(name for name in NAMES if name in table) for table in tables] == list(NAMES)
    assert "2 cases to train on" in tables[2] and "3 cases to train on" in tables[3]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("place", "value", "said"), [
    (2, "/nowhere", "/nowhere"), (0, "/no/data", "/no/data"), (4, "{file}/out", "cannot be written"),
])
def test_unusable_things_are_found_first(command, tmp_path, capsys, place, value, said):
    (tmp_path / "file").touch()
    command[place] = value.format(file=tmp_path / "file")
    assert main(command) in (InputError.exit_code, OutputError.exit_code)
    assert said in (error := capsys.readouterr().err) and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("changes", "said"), [
    ({"teacher": {"validation": ("a",)}}, "teacher.yaml and student.yaml differ in validation"),
    ({"teacher": {"teacher_network": SMALL}}, "teacher.yaml and student.yaml differ in teacher_network"),
    ({"begin": {"validation": ()}}, "begin.yaml and student.yaml differ in validation"),
    ({"begin": {"pixel_spacing_mm": 3.0}}, "begin.yaml and student.yaml differ in pixel_spacing_mm"),
    ({"final": {"validation": ("c",)}}, "final.yaml leaves out c"),
    ({"final": {"validation": (), "training": ("a", "b")}}, "final.yaml leaves out c"),
    ({"final": {"validation": (), "wide_share": 0.5}}, "final.yaml and student.yaml differ in wide_share"),
    ({name: {"validation": ()} for name in NAMES}, "student.yaml names no validation case"),
    ({name: {"validation": ("z",)} for name in NAMES if name != "final"}, "have no case z"),
])
def test_misfit_recipes_are_found_first(command, tmp_path, capsys, changes, said):
    write_recipes(tmp_path / "recipes", **changes)
    assert main(command) == InputError.exit_code
    assert said in (error := capsys.readouterr().err) and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_missing_cases_are_found_first(command, tmp_path, capsys):
    for path in ("imagesTr/c_0000.nii.gz", "labelsTr/c.nii.gz"):
        (tmp_path / "raw" / path).unlink()
    assert main(command) == InputError.exit_code
    assert "has no case c" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_cases_and_seed_of_the_student(command):
    options = release.parse(release.release_parser(), command)
    begin, student = Recipe(seed=2), Recipe(seed=3, validation=("a", "b"))
    plan = {step.name: step.arguments for step in steps(options, begin, student)}
    for name in ("postprocess", "score-student", "calibrate", "score-teacher"):
        given = plan[name].index("--cases")
        assert plan[name][given + 1:given + 3] == ("a", "b")
    assert plan["score-alone"][1].endswith("alone-seed3/last.ckpt")
    for name in ("student", "alone"):
        assert plan[name][plan[name].index("--student-start") + 1].endswith("begin/alone-seed2/last.ckpt")


def recording(calls: list, code: int = 0):
    def script(arguments):
        calls.append(list(arguments))
        return code

    return script


def test_finished_step(tmp_path):
    calls: list[list[str]] = []
    for _ in range(2):
        run_step(Step("score", recording(calls), ("--model", "m")), tmp_path)
    assert calls == [["--model", "m"]]


@pytest.mark.parametrize(("arguments", "said"), [
    (("d", "--config", "other.yaml", "--version", "1"), "another recipe:"),
    (("d", "--config", "recipe.yaml", "--version", "2"), "another --model-version:"),
    (("e", "--config", "recipe.yaml", "--version", "1", "--compile"), "another DATA, --compile:"),
])
def test_step_done_otherwise(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text("seed: 1")
    Path("other.yaml").write_text("seed: 2")
    calls: list[list[str]] = []
    run_step(Step("teacher", recording(calls), ("d", "--config", "recipe.yaml", "--version", "1")), tmp_path)
    with pytest.raises(InputError, match=f"teacher in .* was done before with {said}"):
        run_step(Step("teacher", recording(calls), arguments), tmp_path)
    assert len(calls) == 1


def test_trainer_and_place_may_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    calls: list[list[str]] = []
    for path, devices in (("a.yaml", 1), ("b.yaml", 4)):
        Path(path).write_text("seed: 1")
        run_step(Step("teacher", recording(calls), ("--config", path, f"--trainer.devices={devices}")), tmp_path)
    assert len(calls) == 1


def test_empty_mark(tmp_path):
    calls: list[list[str]] = []
    (tmp_path / "teacher").mkdir()
    for name in ("teacher.done", "score.done", "teacher/recipe.yaml"):
        (tmp_path / name).touch()
    run_step(Step("teacher", recording(calls), ("a",), tmp_path / "teacher"), tmp_path)
    run_step(Step("score", recording(calls), ("b",)), tmp_path)
    assert calls == [["a", "--resume"], ["b"]]


def test_begun_training_goes_on(tmp_path):
    calls: list[list[str]] = []
    run = tmp_path / "teacher"
    run.mkdir()
    (run / "recipe.yaml").touch()
    run_step(Step("teacher", recording(calls), ("--out", str(run)), run), tmp_path)
    assert calls[0][-1] == "--resume"


@pytest.mark.parametrize(("code", "error"), [(3, InputError), (1, SegmentError), (130, KeyboardInterrupt)])
def test_failed_step(code, error, tmp_path):
    calls: list[list[str]] = []
    with pytest.raises(error):
        run_step(Step("score", recording(calls, code), ()), tmp_path)
    run_step(Step("score", recording(calls), ()), tmp_path)
    assert len(calls) == 2


def shipped_recipes() -> dict[str, Recipe]:
    options = release.parse(release.release_parser(), ["d", "--scans", "s", "--out", "o"])
    return {name: recipe_of(one) for name, one in training_options(options).items()}


def test_shipped_recipes_fit():
    recipes = shipped_recipes()
    published = ("case0010", "case0024", "case0031", "case0039")
    assert recipes["teacher"].validation == recipes["student"].validation == published
    cases = tuple(CaseEntry(name, 1, 5.0, "", name, ("liver",), {}) for name in ("case0005", *published))
    check_recipes(recipes, Manifest("", "", (-125.0, 275.0), 1.5, (), cases))


def test_shipped_recipes_say_the_networks():
    for name in NAMES:
        told = yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
        whose = "teacher" if name == "teacher" else "student"
        assert told.keys() >= {"pixel_spacing_mm", "view", "wide_view", "wide_share", "context_offsets_mm",
                               "slice_step_mm", "teacher_network", f"{whose}_network", f"{whose}_schedule",
                               "augmentation"}
        ours = shipped_recipes()[name].as_plain()
        for part in told.keys() & {"augmentation", "distillation", f"{whose}_network", f"{whose}_schedule"}:
            assert told[part].keys() == ours[part].keys()


def test_shipped_weights_have_the_last_recipe():
    # Where it started from is a file of its own maker's, and its teacher has a recipe of its own.
    other = {"student_start", "teacher_schedule"}
    shipped = dict(load_bundle(default_bundle_folder()).provenance["recipe"])
    # What came later is in an older record of a network as what it was then: the default.
    defaults = Recipe().as_plain()
    shipped |= {key: {**defaults[key], **shipped[key]}
                for key in ("teacher_network", "student_network", "student_schedule", "distillation")}
    ours, theirs = ({key: value for key, value in recipe.items() if key not in other} for recipe in (
        shipped_recipes()["final"].as_plain(), shipped))
    assert ours == theirs


def test_training_options():
    options = release.parse(release.release_parser(), ["d", "--scans", "s", "--out", "o", "--training",
                                                       "trainer.devices=4"])
    options.training = [f"--{option}" for option in options.training]
    assert [step.name for step in steps(options, Recipe(), Recipe()) if "--trainer.devices=4" in step.arguments] == [
        "teacher", "begin", "student", "alone", "final"]
    assert Path(options.out) == Path("o")
