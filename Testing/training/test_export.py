"""The export command: a checkpoint or a smaller bundle, nothing overwritten, mistakes found before the work."""

from __future__ import annotations

import json

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.training.made_up_scans import LIVER, made_up_voxels, write_dataset_json, write_nifti
from Testing.training.tiny_network import tiny_trained, write_tiny_checkpoint
from Training.bundle import export
from Training.bundle.export import export_trained
from Training.export import main


@pytest.fixture
def raw(tmp_path):
    """One case with a "liver" where an untrained network finds whatever it finds."""
    labels = np.zeros(made_up_voxels().shape, np.uint8)
    labels[1:4, 4:12, 4:12] = LIVER.value
    write_nifti(tmp_path / "raw" / "imagesTr" / "a_0000.nii.gz", made_up_voxels())
    write_nifti(tmp_path / "raw" / "labelsTr" / "a.nii.gz", labels)
    write_dataset_json(tmp_path / "raw", liver=LIVER.value)
    return tmp_path / "raw"


def test_checkpoint_is_exported_and_halved(raw, tmp_path, capsys):
    checkpoint, out = write_tiny_checkpoint(tmp_path / "run" / "last.ckpt"), tmp_path / "bundle"
    assert main([str(checkpoint), "--out", str(out), "--name", "tiny", "--half", "--data", str(raw)]) == 0
    bundle = load_bundle(out)
    assert bundle.provenance["commit"] == "abc123"
    assert bundle.provenance["half_precision"]["bytes_after"] == len(bundle.network)
    assert "16" in capsys.readouterr().out


def test_bundle_is_halved(raw, tmp_path):
    whole = export_trained(tiny_trained(), tmp_path / "whole", name="tiny", version="1")
    assert main([str(tmp_path / "whole"), "--out", str(tmp_path / "half"), "--half", "--data", str(raw)]) == 0
    smaller = load_bundle(tmp_path / "half")
    assert len(smaller.network) < len(whole.network)
    assert smaller.provenance["half_precision"]["of_sha256"] == whole.sha256
    assert json.loads((tmp_path / "half" / "model.json").read_text(encoding="utf-8"))["sha256"] == smaller.sha256


def test_half_without_data(tmp_path, capsys):
    checkpoint = write_tiny_checkpoint(tmp_path / "last.ckpt")
    assert main([str(checkpoint), "--out", str(tmp_path / "bundle"), "--half"]) == InputError.exit_code
    assert "--data" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


def test_bundle_without_half(tiny_bundle, tmp_path, capsys):
    assert main([str(tiny_bundle), "--out", str(tmp_path / "out")]) == InputError.exit_code
    assert "is a bundle already" in capsys.readouterr().err


def test_replacing_a_bundle(tiny_bundle, tmp_path, capsys):
    command = [str(write_tiny_checkpoint(tmp_path / "last.ckpt")), "--out", str(tiny_bundle), "--name", "new"]
    before = (tiny_bundle / "model.json").read_bytes()
    assert main(command) == InputError.exit_code
    error = capsys.readouterr().err
    assert "add --replace" in error and error.count("\n") == 1
    assert (tiny_bundle / "model.json").read_bytes() == before
    assert main([*command, "--replace"]) == 0
    assert load_bundle(tiny_bundle).name == "new"


def test_missing_checkpoint(tmp_path, capsys):
    assert main([str(tmp_path / "no.ckpt"), "--out", str(tmp_path / "out")]) == InputError.exit_code
    assert "no.ckpt" in capsys.readouterr().err


@pytest.fixture
def never_convert(monkeypatch):
    def fail(*_):
        pytest.fail("a network was converted")
    monkeypatch.setattr(export, "to_onnx", fail)


def test_unwritable_folder(tmp_path, capsys, never_convert):
    (tmp_path / "file").write_text("in the way")
    checkpoint = write_tiny_checkpoint(tmp_path / "last.ckpt")
    assert main([str(checkpoint), "--out", str(tmp_path / "file" / "bundle")]) == OutputError.exit_code
    assert "cannot be written to" in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--half", "--data", "none"), ("--prepared", "none")])
def test_missing_data(tmp_path, capsys, never_convert, options):
    checkpoint = write_tiny_checkpoint(tmp_path / "last.ckpt")
    assert main([str(checkpoint), "--out", str(tmp_path / "bundle"), *options]) == InputError.exit_code
    assert capsys.readouterr().err.count("\n") == 1


def test_dry_run(raw, tmp_path, capsys):
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
