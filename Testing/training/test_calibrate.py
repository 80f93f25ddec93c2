"""The calibrate command: what it writes into a bundle, and whose cases it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.training.made_up_scans import write_dataset_json, write_nifti
from Training.calibrate import main
from Training.evaluation import observations


@pytest.fixture
def raw(tmp_path):
    """Three cases with a liver that the tiny model finds, and a spleen that it takes in part for liver."""
    for number, case in enumerate("abc"):
        voxels = np.full((8, 60, 60), -1000, np.int16)
        voxels[:, 5:55, 5:55] = np.random.default_rng(number).integers(-60, 30, (8, 50, 50))
        reference = np.zeros(voxels.shape, np.uint8)
        reference[1:7, 10:30, 10 : 30 + number] = 5
        reference[2:6, 36:50, 40:52] = 7
        voxels[reference == 5], voxels[reference == 7] = 150, 225 + 10 * number
        write_nifti(tmp_path / "raw" / "imagesTr" / f"{case}_0000.nii.gz", voxels, (4.0, 4.0, 5.0))
        write_nifti(tmp_path / "raw" / "labelsTr" / f"{case}.nii.gz", reference, (4.0, 4.0, 5.0))
    write_dataset_json(tmp_path / "raw", liver=5, spleen=7)
    return tmp_path / "raw"


@pytest.fixture(autouse=True)
def few_damages(monkeypatch):
    """Three copies of each case: enough to see all of the way."""
    few = ("plain", "strong noise", "organs removed")
    every = observations.damages
    monkeypatch.setattr(observations, "damages",
                        lambda window: {name: one for name, one in every(window).items() if name in few})


def trained_on(bundle: Path, *cases: str) -> Path:
    description = json.loads((bundle / "model.json").read_text(encoding="utf-8"))
    description["provenance"] = {"data": {"training": list(cases)}}
    (bundle / "model.json").write_text(json.dumps(description), encoding="utf-8")
    return bundle


def calibrate(bundle, raw, *more):
    out = raw.parent / "out"
    return main(["--model", str(bundle), "--data", str(raw), "--out", str(out), "--threads", "1", *more])


def test_the_bundle_says_how_good_its_organs_are(tiny_bundle, raw, capsys):
    assert calibrate(trained_on(tiny_bundle, "c"), raw) == 0
    bundle = load_bundle(tiny_bundle)
    assert set(bundle.confidence.organs) == {"liver", "spleen"}
    told = bundle.provenance["confidence"]
    assert told["cases"] == ["a", "b"] and told["students"] == [bundle.sha256]
    assert (tiny_bundle / "confidence.png").is_file()
    assert "## How good its organs are" in (tiny_bundle / "README.md").read_text(encoding="utf-8")
    assert "| predicted Dice |" in capsys.readouterr().out
    assert (raw.parent / "out" / "confidence.md").is_file()


def test_measuring_changes_nothing(tiny_bundle, raw, capsys):
    assert calibrate(trained_on(tiny_bundle, "c"), raw) == 0
    before = (tiny_bundle / "model.json").read_bytes()
    assert calibrate(tiny_bundle, raw, "--measure") == 0
    assert (tiny_bundle / "model.json").read_bytes() == before
    assert "It was calibrated on a, b as well" in capsys.readouterr().out


def test_what_was_looked_at_is_not_looked_at_again(tiny_bundle, raw, monkeypatch):
    assert calibrate(trained_on(tiny_bundle, "c"), raw) == 0
    monkeypatch.setattr(observations, "segment", None)
    assert calibrate(tiny_bundle, raw) == 0


def test_another_post_processing_is_looked_at_anew(tiny_bundle, raw):
    assert calibrate(trained_on(tiny_bundle, "c"), raw) == 0
    looked_at = len(list((raw.parent / "out" / "observations").iterdir()))
    path = tiny_bundle / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    description["postprocessing"]["liver"]["logit_offset"] = 0.25
    path.write_text(json.dumps(description), encoding="utf-8")
    assert calibrate(tiny_bundle, raw) == 0
    assert len(list((raw.parent / "out" / "observations").iterdir())) == 2 * looked_at


def test_cases_that_it_was_trained_on_are_refused(tiny_bundle, raw, capsys):
    assert calibrate(trained_on(tiny_bundle, "a", "b", "c"), raw) == 3
    assert "was trained on all of a, b, c" in capsys.readouterr().err
    assert not (raw.parent / "out").exists()


def test_one_case_is_too_few(tiny_bundle, raw, capsys):
    assert calibrate(trained_on(tiny_bundle, "b", "c"), raw) == 3
    assert "a alone cannot be calibrated on" in capsys.readouterr().err


def test_a_model_of_unknown_origin_is_refused(tiny_bundle, raw, capsys):
    assert calibrate(tiny_bundle, raw) == 3
    assert "does not say which cases it was trained on" in capsys.readouterr().err


def test_nothing_to_measure(tiny_bundle, raw, capsys):
    assert calibrate(trained_on(tiny_bundle, "c"), raw, "--measure") == 3
    assert "is not calibrated" in capsys.readouterr().err


def test_dry_run(tiny_bundle, raw, capsys):
    assert calibrate(trained_on(tiny_bundle, "c"), raw, "--dry-run") == 0
    assert "never saw a, b" in capsys.readouterr().out and not (raw.parent / "out").exists()
