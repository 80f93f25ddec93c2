"""The postprocess command: what it chose is written into the bundle, with what it earned."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from MISTKDSegmentLib.model.bundle import PostProcessing, load_bundle
from Testing.lib.made_up_confidence import CONFIDENCE
from Testing.training.made_up_scans import write_dataset_json, write_nifti
from Training.evaluation.postprocessing import LEAST_GAIN
from Training.postprocess import main


@pytest.fixture
def raw(tmp_path):
    """One case whose "liver" is found with a part of 2.56 mL that looks like it and is none."""
    voxels = np.full((4, 60, 60), -1000, np.int16)
    voxels[:, 5:55, 5:55] = 0
    voxels[:, 10:30, 10:30] = 150
    voxels[1:3, 40:48, 40:48] = 150
    reference = np.zeros(voxels.shape, np.uint8)
    reference[:, 10:30, 10:30] = 5
    write_nifti(tmp_path / "raw" / "imagesTr" / "a_0000.nii.gz", voxels, (2.0, 2.0, 5.0))
    write_nifti(tmp_path / "raw" / "labelsTr" / "a.nii.gz", reference, (2.0, 2.0, 5.0))
    write_dataset_json(tmp_path / "raw", liver=5)
    return tmp_path / "raw"


def test_rule_gain_and_card(tiny_bundle, raw, capsys):
    assert main(["--model", str(tiny_bundle), "--data", str(raw), "--cases", "a"]) == 0
    bundle = load_bundle(tiny_bundle)
    assert bundle.postprocessing == {"liver": PostProcessing(largest_component=True)}
    earned = bundle.provenance["postprocessing"]
    assert earned["cases"] == ["a"]
    assert earned["organs"]["liver"]["cases"] == 1
    assert earned["organs"]["liver"]["dice_after"] > earned["organs"]["liver"]["dice_before"] + LEAST_GAIN
    assert "keep the largest part alone" in (tiny_bundle / "README.md").read_text(encoding="utf-8")
    assert "keep the largest part alone" in capsys.readouterr().out


def test_offset_of_an_organ_seen_too_small(tiny_bundle, raw):
    # A margin of 68 HU around the liver, which the network misses by 7 HU: a logit of 0.175.
    voxels = np.full((4, 60, 60), -1000, np.int16)
    voxels[:, 5:55, 5:55] = 0
    voxels[:, 6:34, 6:34] = 68
    voxels[:, 10:30, 10:30] = 150
    reference = np.where(voxels > 50, 5, 0).astype(np.uint8)
    write_nifti(raw / "imagesTr" / "a_0000.nii.gz", voxels, (2.0, 2.0, 5.0))
    write_nifti(raw / "labelsTr" / "a.nii.gz", reference, (2.0, 2.0, 5.0))
    assert main(["--model", str(tiny_bundle), "--data", str(raw), "--cases", "a"]) == 0
    assert load_bundle(tiny_bundle).postprocessing == {"liver": PostProcessing(minimum_ml=2.0, logit_offset=0.25)}
    assert "logit +0.25, drop parts" in (tiny_bundle / "README.md").read_text(encoding="utf-8")


def test_old_results_are_dropped(tiny_bundle, raw):
    path = tiny_bundle / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    description |= {"results": {"cases": ["x"]}, "provenance": {"commit": "abc"}, "confidence": asdict(CONFIDENCE)}
    path.write_text(json.dumps(description))
    assert main(["--model", str(tiny_bundle), "--data", str(raw)]) == 0
    bundle = load_bundle(tiny_bundle)
    assert bundle.results == {} and bundle.confidence is None
    assert bundle.provenance["commit"] == "abc"


def test_wrong_case(tiny_bundle, raw, capsys):
    assert main(["--model", str(tiny_bundle), "--data", str(raw), "--cases", "zzz"]) == 3
    error = capsys.readouterr().err
    assert "has no case zzz" in error and error.count("\n") == 1
