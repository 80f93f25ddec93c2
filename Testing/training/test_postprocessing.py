"""Clean-up is chosen where it gains, left out where it does not, and written into the bundle."""

from __future__ import annotations

import json

import numpy as np
import SimpleITK as sitk

from MISTKDSegmentLib.bundle import PostProcessing, load_bundle
from Training.postprocessing import CANDIDATES, choose, main

NAN = float("nan")


def test_the_rule_with_the_best_mean_is_taken():
    scores = {"liver": [[0.8, 0.8, 0.8, 0.8, 0.9], [0.7, 0.7, 0.7, 0.7, 0.8]]}
    assert choose(scores) == {"liver": PostProcessing(largest_component=True)}


def test_an_organ_that_gains_nothing_has_no_rule():
    assert choose({"liver": [[0.9, 0.9, 0.9, 0.9, 0.9]], "spleen": [[0.9, 0.8, 0.8, 0.8, 0.8]]}) == {}


def test_a_gain_that_is_chance_counts_for_nothing():
    assert choose({"liver": [[0.9, 0.9, 0.9, 0.9, 0.9005]]}) == {}


def test_of_rules_that_score_alike_the_mildest_is_taken():
    assert choose({"liver": [[0.8, 0.9, 0.9, 0.9, 0.9]]}) == {"liver": CANDIDATES[1]}


def test_removing_what_is_not_there_is_as_good_as_it_gets():
    assert choose({"gallbladder": [[0.0, 0.0, NAN, NAN, 0.0], [0.8, 0.8, 0.8, 0.8, 0.8]]}) == {
        "gallbladder": PostProcessing(minimum_ml=2.0)}


def test_an_organ_that_is_in_no_case_has_no_rule():
    assert choose({"gallbladder": [[NAN] * 5]}) == {}


def test_the_command_writes_what_it_chose(tiny_bundle, tmp_path):
    voxels = np.full((4, 60, 60), -1000, np.int16)
    voxels[:, 5:55, 5:55] = 0
    voxels[:, 10:30, 10:30] = 150
    voxels[1:3, 40:48, 40:48] = 150  # looks like liver and is none
    reference = np.zeros(voxels.shape, np.uint8)
    reference[:, 10:30, 10:30] = 5
    for name, array in (("imagesTr/a_0000", voxels), ("labelsTr/a", reference)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((2.0, 2.0, 5.0))
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(tmp_path / "raw" / f"{name}.nii.gz"))
    (tmp_path / "raw" / "dataset.json").write_text(json.dumps({"labels": {"liver": 5}, "file_ending": ".nii.gz"}))
    arguments = ["--model", str(tiny_bundle), "--data", str(tmp_path / "raw"), "--cases", "a"]
    assert main(arguments) == 0
    assert load_bundle(tiny_bundle).postprocessing == {"liver": PostProcessing(minimum_ml=10.0)}


def test_a_wrong_case_is_one_line_and_an_exit_code(tiny_bundle, tmp_path, capsys):
    assert main(["--model", str(tiny_bundle), "--data", str(tmp_path), "--cases", "a"]) == 3
    assert capsys.readouterr().err.count("\n") == 1
