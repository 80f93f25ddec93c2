"""Volumes and mean HU of organs, and the CSV of them."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.table import CSV_COLUMNS, measure, write_csv

AORTA, GALLBLADDER = ABDOMEN_LABELS[:2]


def scan(shape=(4, 5, 6), spacing_mm=(10.0, 5.0, 2.0)):
    """A scan of 0 HU whose voxels have 0.1 mL."""
    return Volume(np.zeros(shape, np.int16), spacing_mm, (0.0, 0.0, 0.0), np.eye(3), "scan")


def test_volume_and_mean_are_those_computed_by_hand():
    volume, labels = scan(), np.zeros((4, 5, 6), np.uint8)
    labels[1, 2, 2:5] = AORTA.value
    volume.voxels[1, 2, 2:5] = (100, 150, -10)
    row = measure(volume, labels, [AORTA])[0]
    assert row.label is AORTA
    assert row.voxels == 3
    assert row.volume_ml == pytest.approx(0.3)
    assert row.mean_hu == pytest.approx(80.0)
    assert row.touches_edge is False


def test_absent_organ_has_a_row_without_mean():
    row = measure(scan(), np.zeros((4, 5, 6), np.uint8), [GALLBLADDER])[0]
    assert (row.volume_ml, row.mean_hu, row.voxels, row.touches_edge) == (0.0, None, 0, False)


def test_rows_follow_the_table_and_other_labels_are_passed_over():
    labels = np.full((4, 5, 6), 200, np.uint8)
    labels[1, 1, 1] = AORTA.value
    rows = measure(scan(), labels, [GALLBLADDER, AORTA])
    assert [(row.label.name, row.voxels) for row in rows] == [("gallbladder", 0), ("aorta", 1)]


@pytest.mark.parametrize("kji", [(0, 2, 2), (3, 2, 2), (1, 0, 2), (1, 4, 2), (1, 2, 0), (1, 2, 5)])
def test_organ_at_any_of_the_six_faces_is_cut_by_the_field_of_view(kji):
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[kji] = AORTA.value
    labels[2, 2, 2] = GALLBLADDER.value
    aorta, gallbladder = measure(scan(), labels, [AORTA, GALLBLADDER])
    assert aorta.touches_edge is True
    assert gallbladder.touches_edge is False


def test_in_a_single_slice_every_organ_is_cut():
    labels = np.zeros((1, 5, 6), np.uint8)
    labels[0, 2, 2] = AORTA.value
    assert measure(scan((1, 5, 6)), labels, [AORTA])[0].touches_edge is True


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_mean_of_a_large_organ_keeps_its_precision(dtype):
    volume = Volume(np.full((40, 200, 200), 1001, dtype), (1.0, 1.0, 1.0), (0, 0, 0), np.eye(3))
    row = measure(volume, np.full((40, 200, 200), AORTA.value, np.uint8), [AORTA])[0]
    assert row.mean_hu == 1001.0
    assert row.volume_ml == pytest.approx(1600.0)


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 5, 5\)"):
        measure(scan(), np.zeros((4, 5, 5), np.uint8), [AORTA])


def test_csv_says_units_and_what_was_measured(tmp_path):
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[0, 2, 2:5] = AORTA.value
    doubts = ["The spine lies in front.", "No."]
    write_csv(tmp_path / "organs.csv", measure(scan(), labels, [AORTA, GALLBLADDER]), doubts)
    with open(tmp_path / "organs.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == CSV_COLUMNS == ("label", "name", "title", "volume_ml", "mean_hu", "voxels",
                                            "flag", "doubt", "quality", "predicted_dice",
                                            "absence_probability", "why", "least_sure_lps_mm")
    doubt = "The spine lies in front. No."
    said = [["1", "aorta", "Aorta", "0.30", "0.0", "3", "cut by the field of view, implausibly small", doubt],
            ["2", "gallbladder", "Gallbladder", "0.00", "", "0", "not found", doubt]]
    assert rows == [[*cells, "", "", "", "", ""] for cells in said]
    write_csv(tmp_path / "organs.csv", measure(scan(), labels, [AORTA]))
    assert (tmp_path / "organs.csv").read_text().endswith("implausibly small\",,,,,,\n")


def test_more_or_less_than_an_adult_has_is_flagged():
    whole = Volume(np.zeros((12, 12, 12), np.int16), (10.0, 10.0, 10.0), (0.0, 0.0, 0.0), np.eye(3))
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[1:3, 1:3, 1:3] = AORTA.value  # 8 mL; 20 to 400 are plausible
    labels[3:10, 3:10, 3:10] = GALLBLADDER.value  # 343 mL; 3 to 200 are plausible
    assert [row.flags for row in measure(whole, labels, [AORTA, GALLBLADDER])] == [
        ("implausibly small",), ("implausibly large",)]
    labels[0, 1, 1] = AORTA.value
    assert measure(whole, labels, [AORTA])[0].flags == ("cut by the field of view",)
    labels[1:3] = 0  # what is left at the edge is 1 mL; 20 mL / 20 would be no speck
    assert measure(whole, labels, [AORTA])[0].flags == ("cut by the field of view",)
    small = replace(AORTA, plausible_ml=(30.0, 400.0))
    assert measure(whole, labels, [small])[0].flags == ("cut by the field of view", "implausibly small")
    assert measure(whole, labels, [replace(GALLBLADDER, plausible_ml=None)])[0].flags == ()


def test_an_organ_at_the_rim_of_the_region_is_cut_as_well():
    labels = np.zeros((4, 5, 6), np.uint8)
    labels[1, 2, 2], labels[2, 2, 4] = AORTA.value, GALLBLADDER.value
    # i from 25 to 55 mm, which are the voxels 3 to 5, and everything along j and k.
    to_unit = np.diag([1 / 15, 1e-3, 1e-3, 1.0])
    to_unit[0, 3] = -40 / 15
    rows = measure(scan(), labels, [AORTA, GALLBLADDER], Region(to_unit))
    assert [row.touches_rim for row in rows] == [False, False]
    labels[2, 2, 3] = GALLBLADDER.value
    (row,) = measure(scan(), labels, [GALLBLADDER], Region(to_unit))
    assert row.touches_rim and not row.touches_edge and row.flags == ("cut by the region",)
    assert measure(scan(), labels, [GALLBLADDER])[0].touches_rim is False


def test_csv_into_a_missing_folder_is_refused_with_its_name(tmp_path):
    with pytest.raises(OutputError, match=r"nowhere.organs\.csv"):
        write_csv(tmp_path / "nowhere" / "organs.csv", [])


def test_an_organ_beside_missing_data_is_cut_by_it():
    random = np.random.default_rng(0)
    volume = Volume(random.integers(-100, 100, (6, 40, 40)).astype(np.int16), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0),
                    np.eye(3))
    volume.voxels[:, :, :12] = -2000
    labels = np.zeros((6, 40, 40), np.uint8)
    labels[2:4, 10:30, 12:20], labels[2:4, 10:30, 25:30] = AORTA.value, GALLBLADDER.value
    aorta, gallbladder = measure(volume, labels, [AORTA, GALLBLADDER])
    assert aorta.touches_no_data and aorta.flags == ("cut by missing data",)
    assert not gallbladder.touches_no_data


@pytest.mark.parametrize("air", [-1024, -125])
def test_clipped_air_in_the_lungs_cuts_no_organ(air):
    random = np.random.default_rng(0)
    volume = Volume(random.integers(-100, 100, (6, 40, 40)).astype(np.int16), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0),
                    np.eye(3))
    volume.voxels[:, :, :12] = air
    labels = np.zeros((6, 40, 40), np.uint8)
    labels[2:4, 10:30, 12:20] = AORTA.value
    assert not measure(volume, labels, [AORTA])[0].touches_no_data
