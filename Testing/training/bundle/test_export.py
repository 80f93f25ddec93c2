"""Bundles made of checkpoints: whole, with their licence and curves, refused where onnxruntime disagrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError, OutputError
from Testing.training.tiny_network import CONTRACT, LABELS, PROVENANCE, tiny_trained
from Training.bundle import export
from Training.bundle.export import export_trained
from Training.data.prepared import PreparedCase

NOTHING = np.zeros(0)


def prepared_case():
    image = np.zeros((5, 64, 64), np.uint8)
    image[:, 8:56, 8:56] = np.random.default_rng(0).integers(0, 255, (5, 48, 48))
    return PreparedCase("a", image, NOTHING, NOTHING, NOTHING, 2.0, 5.0)


def test_bundle_says_what_the_checkpoint_says(tmp_path):
    bundle = export_trained(tiny_trained(), tmp_path / "bundle", name="tiny", version="2")
    assert (bundle.name, bundle.version, bundle.input, bundle.labels) == ("tiny", "2", CONTRACT, LABELS)
    assert bundle.provenance == PROVENANCE
    assert bundle.licence.startswith("Research use only.") and bundle.licence.endswith("contains: CC BY 4.0.")
    names = sorted(path.name for path in (tmp_path / "bundle").iterdir())
    assert names == ["README.md", "model.json", "model.onnx"]


def test_paths_are_not_passed_on(tmp_path):
    recipe = {"seed": 3, "teacher_start": None, "student_start": "/home/somebody/runs/student/last.ckpt"}
    history = PROVENANCE | {"recipe": recipe, "start": {"sha256": "f" * 64}}
    trained = replace(tiny_trained(), provenance=history)
    bundle = export_trained(trained, tmp_path, name="t", version="1")
    assert bundle.provenance["recipe"] == {"seed": 3, "teacher_start": None, "student_start": "last.ckpt"}
    assert bundle.provenance["start"] == {"sha256": "f" * 64}
    assert trained.provenance["recipe"] == recipe


def test_the_licence_can_be_given(tmp_path):
    assert export_trained(tiny_trained(), tmp_path, name="t", version="1", licence="mine").licence == "mine"


def test_parity_is_recorded(tmp_path):
    bundle = export_trained(tiny_trained(), tmp_path, name="t", version="1", prepared_case=prepared_case())
    assert bundle.provenance["export"]["case"] == "a"
    assert 0 <= bundle.provenance["export"]["largest_logit_difference"] < 1e-4


def test_differing_export_is_not_written(tmp_path, monkeypatch):
    def refuse(*_):
        raise InputError("PyTorch and onnxruntime differ.")
    monkeypatch.setattr(export, "check_parity", refuse)
    with pytest.raises(InputError):
        export_trained(tiny_trained(), tmp_path / "b", name="t", version="1", prepared_case=prepared_case())
    assert not (tmp_path / "b").exists()


def test_curves_go_along_and_slices_do_not(tmp_path):
    run = tmp_path / "student"
    (run / "examples").mkdir(parents=True)
    (run / "curves.png").write_bytes(b"curves")
    (run / "examples" / "step_000100.png").write_bytes(b"slices")
    bundle = export_trained(tiny_trained(), tmp_path / "bundle", name="t", version="1", run=run)
    assert [path.name for path in bundle.folder.glob("*.png")] == ["curves.png"]
    assert "![curves](curves.png)" in (bundle.folder / "README.md").read_text(encoding="utf-8")


def test_impossible_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        export_trained(tiny_trained(), tmp_path / "file" / "bundle", name="t", version="1")
