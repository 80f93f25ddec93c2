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


def write_case(raw, name, voxels, reference):
    write_nifti(raw / "imagesTr" / f"{name}_0000.nii.gz", voxels, (2.0, 2.0, 5.0))
    write_nifti(raw / "labelsTr" / f"{name}.nii.gz", reference.astype(np.uint8), (2.0, 2.0, 5.0))


def body():
    voxels = np.full((4, 60, 60), -1000, np.int16)
    voxels[:, 3:57, 3:57] = 0
    return voxels


def test_what_organs_take_from_each_other_is_told(tiny_bundle, raw, capsys):
    # The liver needs an offset for its margin of 68 HU. A rim of the spleen, of 238 HU, then goes to the liver: the
    # network thinks it the spleen's by a logit of 0.225.
    voxels, reference = body(), np.zeros((4, 60, 60))
    voxels[:, 4:26, 4:26], voxels[:, 8:22, 8:22] = 68, 150
    reference[:, 4:26, 4:26] = 5
    voxels[:, 34:54, 34:54], voxels[:, 38:50, 38:50] = 238, 270
    reference[:, 34:54, 34:54] = 1
    write_case(raw, "a", voxels, reference)
    write_dataset_json(raw, liver=5, spleen=1)
    assert main(["--model", str(tiny_bundle), "--data", str(raw)]) == 0
    bundle = load_bundle(tiny_bundle)
    assert {organ: rule.logit_offset for organ, rule in bundle.postprocessing.items()} == {"liver": 0.25, "spleen": 0}
    earned = bundle.provenance["postprocessing"]["organs"]
    # All of the spleen's 20 x 20 pixels before, the 12 x 12 of its middle afterwards.
    assert earned["spleen"] == {"dice_before": 1.0, "dice_after": pytest.approx(2 * 144 / (144 + 400)), "cases": 1}
    assert "spleen loses by the rules of the other organs" in capsys.readouterr().out


def test_organ_that_a_rule_leaves_in_no_case(tiny_bundle, raw):
    # No liver; something of 78 HU that looks like one, and no longer does with an offset of -0.25.
    voxels = body()
    voxels[:, 10:30, 10:30] = 78
    write_case(raw, "a", voxels, np.zeros(voxels.shape))
    assert main(["--model", str(tiny_bundle), "--data", str(raw)]) == 0
    bundle = load_bundle(tiny_bundle)
    assert bundle.postprocessing["liver"].logit_offset == -0.25
    assert bundle.provenance["postprocessing"]["organs"]["liver"] == {
        "dice_before": 0.0, "dice_after": 1.0, "cases": 1}


def test_old_results_are_dropped_aloud(tiny_bundle, raw, capsys):
    path = tiny_bundle / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    trained_on = {"training": ["a"], "content_sha256": {"a": "1"}}
    description |= {"results": {"cases": ["x"]}, "provenance": {"commit": "abc", "data": trained_on},
                    "confidence": asdict(CONFIDENCE)}
    path.write_text(json.dumps(description))
    assert main(["--model", str(tiny_bundle), "--data", str(raw)]) == 0
    bundle = load_bundle(tiny_bundle)
    assert bundle.results == {} and bundle.confidence is None
    assert bundle.provenance["commit"] == "abc"
    printed = capsys.readouterr()
    assert "Its figures and calibration were those of the old post-processing, and are gone" in printed.out
    assert "tiny was trained on a: " in printed.err


def test_wrong_case(tiny_bundle, raw, capsys):
    assert main(["--model", str(tiny_bundle), "--data", str(raw), "--cases", "zzz"]) == 3
    error = capsys.readouterr().err
    assert "has no case zzz" in error and error.count("\n") == 1
