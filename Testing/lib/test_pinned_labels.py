"""The labels of the standard scans stay the same, to the voxel, whatever is rearranged."""

from __future__ import annotations

import json

import pytest

from MISTKDSegmentLib.api.segment import load_model
from Testing.lib.pinned_labels import REAL, RECORD, WAYS, environment, measured

PINNED = json.loads(RECORD.read_text(encoding="utf-8"))
# Three versions of onnxruntime, 1.20 to 1.32, gave the same voxels on one processor. Elsewhere, scores that differ in
# their last bits turn voxels over where two classes are equally likely: this many of an organ's voxels may.
MOST_SHARE, MOST_VOXELS = 0.002, 5


def test_the_record_is_of_the_model_that_ships():
    assert PINNED["model"] == load_model().description_sha256, (
        "another model ships: look at its results, then run `python -m Testing.lib.pinned_labels`")


@pytest.mark.parametrize("name", PINNED["scans"])
def test_a_standard_scan_keeps_its_labels(name):
    if name not in WAYS and not (REAL / name).exists():
        pytest.skip(f"{REAL / name} is not here")
    pinned, now = PINNED["scans"][name], measured(name)
    if PINNED["environment"] == environment() and pinned["scan"] == now["scan"]:
        assert now["labels"] == pinned["labels"], differences(pinned["by_slice"], now["by_slice"])
    else:  # another onnxruntime, other vector instructions, or a numpy that rounds the phantom otherwise
        for organ, counts in pinned["by_slice"].items():
            allowed = max(MOST_VOXELS, MOST_SHARE * sum(counts))
            assert differences(pinned["by_slice"], now["by_slice"])[organ] <= allowed, organ


def differences(pinned: dict[str, list[int]], now: dict[str, list[int]]) -> dict[str, int]:
    """Voxels by which the slices of each organ differ."""
    return {organ: sum(abs(a - b) for a, b in zip(counts, now[organ])) for organ, counts in pinned.items()}


def test_a_shift_by_one_slice_would_be_noticed():
    counts = PINNED["scans"]["phantom"]["by_slice"]
    shifted = {organ: [0, *of_slices[:-1]] for organ, of_slices in counts.items()}
    assert all(found > MOST_SHARE * sum(counts[organ]) for organ, found in differences(counts, shifted).items())
