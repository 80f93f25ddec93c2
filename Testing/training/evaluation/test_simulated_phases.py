"""Simulated contrast phases: what changes, what stays, and the table of a model over them."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.training.made_up_scans import LIVER_BOX, LIVER_HU, MadeUpScan
from Training.evaluation.simulated_phases import ARTERIAL, NON_CONTRAST, PHASES, in_phase, phase_table, scans_in

WINDOW_HU = (-125.0, 275.0)
HU = np.array([[[-1000, -125, -60, 0, 20, 60, 110, 150, 180, 275, 900]]], np.int16)


def changed(phase: str) -> dict[int, int]:
    return dict(zip(HU.ravel().tolist(), in_phase(HU, phase, WINDOW_HU).ravel().tolist(), strict=True))


def test_without_contrast_medium_vessels_and_organs_are_soft_tissue_again():
    now = changed(NON_CONTRAST)
    assert (now[110], now[150], now[180]) == (31, 38, 58)
    # By hand: 110 HU lie 0.4 of the way from water to 275 HU; 0.4 - 3 * 0.4^2 * 0.6 = 0.112, times 275 HU is 30.8.


def test_in_the_arterial_phase_vessels_and_kidneys_are_bright_and_the_liver_is_not():
    now = changed(ARTERIAL)
    assert (now[60], now[150], now[180]) == (60, 210, 268) and now[110] == pytest.approx(110, abs=2)


@pytest.mark.parametrize("phase", PHASES)
def test_water_fat_air_and_bone_stay_and_the_order_of_greys_too(phase):
    now = changed(phase)
    for hu in (-1000, -125, -60, 0, 275, 900):
        assert now[hu] == hu
    assert list(now.values()) == sorted(now.values())
    assert in_phase(HU, phase, WINDOW_HU).dtype == np.int16
    floats = in_phase(HU.astype(np.float32) + 0.25, phase, WINDOW_HU)
    assert floats.dtype == np.float32 and (np.diff(floats) >= 0).all()


def test_a_scan_in_a_phase_is_the_same_scan_with_other_greys():
    scan = MadeUpScan(name="a", annotated=("liver",), found={LIVER_HU: LIVER_BOX}, real={5: LIVER_BOX})
    (simulated,) = scans_in(NON_CONTRAST, [scan], WINDOW_HU)
    plain, now = scan.read_volume(), simulated.read_volume()
    assert (simulated.name, simulated.annotated) == ("a", ("liver",)) and now.spacing_mm == plain.spacing_mm
    assert (now.voxels[LIVER_BOX] == 31).all() and (now.voxels[plain.voxels == -1000] == -1000).all()
    assert np.array_equal(simulated.read_reference(now), scan.read_reference(plain))


def test_the_table_has_a_column_a_phase():
    dice = {"plain": {"left_kidney": 0.91234, "mean": 0.8}, "arterial": {"left_kidney": float("nan"), "mean": 0.7}}
    assert phase_table(dice).splitlines()[2:] == ["| left kidney | 0.912 | - |", "| mean | 0.800 | 0.700 |"]
