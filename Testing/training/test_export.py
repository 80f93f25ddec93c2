"""Export: from a checkpoint to a bundle that is whole, and to a smaller one only where that costs nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.model.bundle import PostProcessing, load_bundle
from Testing.training.made_up_scans import LIVER, MadeUpScan, made_up_voxels, write_dataset_json, write_nifti
from Testing.training.tiny_network import CONTRACT, LABELS, PROVENANCE, tiny_trained, write_tiny_checkpoint
from Training import export
from Training.data.prepared import Case
from Training.export import export_trained, halve_bundle, main

NOTHING = np.zeros(0)


def prepared_case():
    image = np.zeros((5, 64, 64), np.uint8)
    image[:, 8:56, 8:56] = np.random.default_rng(0).integers(0, 255, (5, 48, 48))
    return Case("a", image, NOTHING, NOTHING, NOTHING, 2.0, 5.0)


def test_the_bundle_reads_back_what_the_checkpoint_says(tmp_path):
    bundle = export_trained(tiny_trained(), tmp_path / "bundle", name="tiny", version="2")
    assert (bundle.name, bundle.version, bundle.input, bundle.labels) == ("tiny", "2", CONTRACT, LABELS)
    assert bundle.provenance == PROVENANCE
    assert bundle.licence.startswith("CC BY 4.0 (that of the training data)")
    names = sorted(path.name for path in (tmp_path / "bundle").iterdir())
    assert names == ["README.md", "model.json", "model.onnx"]


def test_where_files_lay_is_not_passed_on(tmp_path):
    recipe = {"seed": 3, "teacher_start": None, "student_start": "/home/somebody/runs/student/last.ckpt"}
    history = PROVENANCE | {"recipe": recipe, "start": {"sha256": "f" * 64}}
    trained = replace(tiny_trained(), provenance=history)
    bundle = export_trained(trained, tmp_path, name="t", version="1")
    assert bundle.provenance["recipe"] == {"seed": 3, "teacher_start": None, "student_start": "last.ckpt"}
    assert bundle.provenance["start"] == {"sha256": "f" * 64}
    assert trained.provenance["recipe"] == recipe


def test_the_licence_can_be_given(tmp_path):
    assert export_trained(tiny_trained(), tmp_path, name="t", version="1", licence="mine").licence == "mine"


def test_parity_on_a_prepared_case_is_recorded(tmp_path):
    bundle = export_trained(tiny_trained(), tmp_path, name="t", version="1", prepared_case=prepared_case())
    assert bundle.provenance["export"]["case"] == "a"
    assert 0 <= bundle.provenance["export"]["largest_logit_difference"] < 1e-4


def test_an_export_that_differs_is_not_written(tmp_path, monkeypatch):
    def refuse(*_):
        raise InputError("PyTorch and onnxruntime differ.")
    monkeypatch.setattr(export, "check_parity", refuse)
    with pytest.raises(InputError):
        export_trained(tiny_trained(), tmp_path / "b", name="t", version="1", prepared_case=prepared_case())
    assert not (tmp_path / "b").exists()


def test_the_learning_curves_of_the_run_go_with_the_bundle_and_slices_of_its_scans_do_not(tmp_path):
    run = tmp_path / "student"
    (run / "examples").mkdir(parents=True)
    (run / "curves.png").write_bytes(b"curves")
    (run / "examples" / "step_000100.png").write_bytes(b"slices")
    bundle = export_trained(tiny_trained(), tmp_path / "bundle", name="t", version="1", run=run)
    assert [path.name for path in bundle.folder.glob("*.png")] == ["curves.png"]
    assert "![curves](curves.png)" in (bundle.folder / "README.md").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        export_trained(tiny_trained(), tmp_path / "file" / "bundle", name="t", version="1")


@pytest.fixture
def halves(tiny_bundle, monkeypatch):
    """Halving stands for any change of the network; the two forms score what is put into the list."""
    dice = [0.9, 0.9]
    turn = iter((0, 1))
    monkeypatch.setattr(export, "store_in_half", lambda content: content)
    monkeypatch.setattr(export, "score_cases", lambda *_, **__: None)
    monkeypatch.setattr(export, "mean_dice", lambda _: dice[next(turn)])
    return load_bundle(tiny_bundle), dice


SCANS = [MadeUpScan(name="x", known=("liver",))]


def test_a_smaller_form_says_what_it_lost(halves, tmp_path):
    bundle, dice = halves
    dice[:] = [0.9, 0.8985]
    smaller = halve_bundle(bundle, tmp_path / "half", SCANS)
    measured = smaller.provenance["half_precision"]
    assert (measured["dice_before"], measured["dice_after"], measured["cases"]) == (0.9, 0.8985, ["x"])
    assert smaller.postprocessing == {"liver": PostProcessing(largest_component=True)}
    assert "0.8985" in (tmp_path / "half" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("after", [0.8975, 0.5, float("nan")])
def test_a_smaller_form_that_loses_is_refused_with_the_figure(halves, tmp_path, after):
    bundle, dice = halves
    dice[:] = [0.9, after]
    with pytest.raises(InputError, match=r"costs (0\.0025|0\.4000|nan) mean Dice"):
        halve_bundle(bundle, tmp_path / "half", SCANS)
    assert not (tmp_path / "half").exists()


def test_a_smaller_form_keeps_the_curves_alone(halves, tmp_path):
    bundle, _ = halves
    for name in ("curves.png", "step_000100.png"):
        (bundle.folder / name).write_bytes(b"picture")
    halve_bundle(bundle, tmp_path / "half", SCANS)
    assert [path.name for path in (tmp_path / "half").glob("*.png")] == ["curves.png"]


def test_results_of_the_larger_form_are_not_those_of_the_smaller(halves, tmp_path):
    bundle, _ = halves
    assert halve_bundle(replace(bundle, results={"cases": ["x"]}), tmp_path / "half", SCANS).results == {}


@pytest.fixture
def raw(tmp_path):
    """One case with a "liver" where an untrained network finds whatever it finds."""
    labels = np.zeros(made_up_voxels().shape, np.uint8)
    labels[1:4, 4:12, 4:12] = LIVER.value
    write_nifti(tmp_path / "raw" / "imagesTr" / "a_0000.nii.gz", made_up_voxels())
    write_nifti(tmp_path / "raw" / "labelsTr" / "a.nii.gz", labels)
    write_dataset_json(tmp_path / "raw", liver=LIVER.value)
    return tmp_path / "raw"


def test_the_command_exports_a_checkpoint_and_halves_it(raw, tmp_path, capsys):
    checkpoint, out = write_tiny_checkpoint(tmp_path / "run" / "last.ckpt"), tmp_path / "bundle"
    assert main([str(checkpoint), "--out", str(out), "--name", "tiny", "--half", "--data", str(raw)]) == 0
    bundle = load_bundle(out)
    assert bundle.provenance["commit"] == "abc123"
    assert bundle.provenance["half_precision"]["bytes_after"] == len(bundle.network)
    assert "16" in capsys.readouterr().out


def test_the_command_halves_a_bundle(raw, tmp_path):
    whole = export_trained(tiny_trained(), tmp_path / "whole", name="tiny", version="1")
    assert main([str(tmp_path / "whole"), "--out", str(tmp_path / "half"), "--half", "--data", str(raw)]) == 0
    smaller = load_bundle(tmp_path / "half")
    assert len(smaller.network) < len(whole.network)
    assert smaller.provenance["half_precision"]["of_sha256"] == whole.sha256
    assert json.loads((tmp_path / "half" / "model.json").read_text(encoding="utf-8"))["sha256"] == smaller.sha256


def test_half_without_data_is_one_line_and_nothing_is_written(tmp_path, capsys):
    checkpoint = write_tiny_checkpoint(tmp_path / "last.ckpt")
    assert main([str(checkpoint), "--out", str(tmp_path / "bundle"), "--half"]) == InputError.exit_code
    assert "--data" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_without_half_is_one_line(tiny_bundle, tmp_path, capsys):
    assert main([str(tiny_bundle), "--out", str(tmp_path / "out")]) == InputError.exit_code
    assert "is a bundle already" in capsys.readouterr().err


def test_a_bundle_is_written_over_only_when_asked_for(tiny_bundle, tmp_path, capsys):
    command = [str(write_tiny_checkpoint(tmp_path / "last.ckpt")), "--out", str(tiny_bundle), "--name", "new"]
    before = (tiny_bundle / "model.json").read_bytes()
    assert main(command) == InputError.exit_code
    error = capsys.readouterr().err
    assert "add --replace" in error and error.count("\n") == 1
    assert (tiny_bundle / "model.json").read_bytes() == before
    assert main([*command, "--replace"]) == 0
    assert load_bundle(tiny_bundle).name == "new"


def test_a_missing_checkpoint_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "no.ckpt"), "--out", str(tmp_path / "out")]) == InputError.exit_code
    assert "no.ckpt" in capsys.readouterr().err


@pytest.fixture
def never_convert(monkeypatch):
    def fail(*_):
        pytest.fail("a network was converted")
    monkeypatch.setattr(export, "to_onnx", fail)


def test_an_unwritable_folder_is_found_before_the_conversion(tmp_path, capsys, never_convert):
    (tmp_path / "file").write_text("in the way")
    checkpoint = write_tiny_checkpoint(tmp_path / "last.ckpt")
    assert main([str(checkpoint), "--out", str(tmp_path / "file" / "bundle")]) == OutputError.exit_code
    assert "cannot be written to" in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--half", "--data", "none"), ("--prepared", "none")])
def test_missing_data_is_found_before_the_conversion(tmp_path, capsys, never_convert, options):
    checkpoint = write_tiny_checkpoint(tmp_path / "last.ckpt")
    assert main([str(checkpoint), "--out", str(tmp_path / "bundle"), *options]) == InputError.exit_code
    assert capsys.readouterr().err.count("\n") == 1


def test_a_dry_run_tells_what_would_be_exported_and_writes_nothing(raw, tmp_path, capsys):
    checkpoint, out = write_tiny_checkpoint(tmp_path / "run" / "last.ckpt"), tmp_path / "bundle"
    assert main([str(checkpoint), "--out", str(out), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    for words in ("parameters (0.2 MB)", "for a slice of 256 x 256 pixels", "can be exported, in"):
        assert words in printed
    assert main([str(checkpoint), "--out", str(out), "--dry-run", "--half", "--data", str(raw)]) == 0
    printed = capsys.readouterr().out
    for words in ("Stored in 16 bits it takes 0.", "6 of the 6 slices", "run 2 times each: about 1 min"):
        assert words in printed
    assert not out.exists() and not list(tmp_path.glob("run/*.onnx"))


def test_options_may_come_from_a_file(tmp_path):
    checkpoint = write_tiny_checkpoint(tmp_path / "last.ckpt")
    (tmp_path / "export.yaml").write_text(f"source: {checkpoint}\nout: {tmp_path / 'bundle'}\nname: mine\n")
    assert main(["--config", str(tmp_path / "export.yaml"), "--version", "3"]) == 0
    assert (load_bundle(tmp_path / "bundle").name, load_bundle(tmp_path / "bundle").version) == ("mine", "3")
