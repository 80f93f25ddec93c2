"""The model that ships scores what it scored when it was released: on the phantom, on a real scan, on its own data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import MISTKDSegmentLib as api
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.io.reading import read_label_map, read_volume
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from MISTKDSegmentLib.phantom.abdomen import make_phantom
from Training.data.layouts.registry import open_dataset
from Training.data.scans import select_scans
from Training.evaluation.metrics import dice
from Training.evaluation.scores import mean_dice, score_cases

SHARED = Path(__file__).parents[3] / "shared" / "ct"
DATA = Path(os.environ.get("MISTKD_SYNAPSE", Path(__file__).parents[3] / "synapse"))
# Other versions of onnxruntime and numpy move a few voxels at the outlines.
TOLERANCE = 0.01
PHANTOM = {"aorta": 0.853, "gallbladder": 0.584, "left_kidney": 0.930, "right_kidney": 0.909, "liver": 0.938,
           "pancreas": 0.575, "spleen": 0.922, "stomach": 0.878}
# Against TotalSegmentator's own segmentation, whose numbers these are: one model against another.
THEIR_NUMBERS = {"spleen": 1, "right_kidney": 2, "left_kidney": 3, "gallbladder": 4, "liver": 5, "stomach": 6,
                 "pancreas": 7, "aorta": 52}
REAL = {"aorta": 0.891, "gallbladder": 0.874, "left_kidney": 0.962, "right_kidney": 0.940, "liver": 0.960,
        "pancreas": 0.558, "spleen": 0.960, "stomach": 0.873}
TRAINED_ON = 0.908


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(default_bundle_folder())


def labelled(volume, bundle):
    labels = np.zeros(volume.voxels.shape, np.uint8)
    for _ in segment(volume, bundle, labels):
        pass
    return labels


def test_dice_on_the_phantom(bundle):
    volume, truth = make_phantom()
    labels = labelled(volume, bundle)
    found = {label.name: dice(labels == label.value, truth == label.value) for label in bundle.labels}
    assert found == pytest.approx(PHANTOM, abs=TOLERANCE)


@pytest.mark.skipif(not SHARED.is_dir(), reason="there is no folder ../shared/ct with real scans")
def test_dice_on_a_real_scan(bundle):
    volume = read_volume(SHARED / "totalseg_example_ct_sm.nii.gz")
    theirs = read_label_map(SHARED / "totalseg_example_ct_sm_seg.nii.gz").voxels
    labels = labelled(volume, bundle)
    found = {label.name: dice(labels == label.value, theirs == THEIR_NUMBERS[label.name]) for label in bundle.labels}
    assert found == pytest.approx(REAL, abs=TOLERANCE)


@pytest.mark.skipif(not SHARED.is_dir(), reason="there is no folder ../shared/ct with real scans")
def test_what_fails_in_a_real_scan_is_flagged(bundle):
    rows = {row.organ: row for row in api.segment(SHARED / "totalseg_example_ct_sm.nii.gz", model=bundle).table}
    assert rows["pancreas"].quality == "look"
    assert [organ for organ, row in rows.items() if row.quality == "good"] == [
        "aorta", "left_kidney", "right_kidney", "liver", "spleen", "stomach"]
    predicted = {organ: row.predicted_dice for organ, row in rows.items()}
    assert predicted == pytest.approx(REAL, abs=0.11)


@pytest.mark.skipif(not DATA.is_dir(), reason="no Synapse scans are in ../synapse, and MISTKD_SYNAPSE names no folder")
def test_dice_on_a_training_case(bundle):
    scans = select_scans(open_dataset(DATA, bundle.labels), ["case0010"])
    assert mean_dice(score_cases(scans, bundle)) == pytest.approx(TRAINED_ON, abs=TOLERANCE)
