"""What cannot be is doubted as a whole, with the likely reason; what can be is not."""

from dataclasses import replace

import numpy as np
import pytest

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.hu_checks import check_scan
from MISTKDSegmentLib.inference.mirror_check import looks_mirrored
from MISTKDSegmentLib.model.bundle import load_bundle
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.doubts import find_doubts
from MISTKDSegmentLib.report.quality import Quality
from MISTKDSegmentLib.report.table import measure
from Testing.lib.made_up_abdomen import outside_circle, phantom
from Testing.lib.orientations import ORIENTATIONS, turned

VALUE = {label.name: label.value for label in ABDOMEN_LABELS}


def doubts(volume, labels, organs=ABDOMEN_LABELS, **options):
    return find_doubts(volume, labels, measure(volume, labels, organs), **options)


def only(volume, labels, **options):
    (doubt,) = doubts(volume, labels, **options)
    assert doubt.endswith(".") and "\n" not in doubt
    return doubt


def flipped(axes):
    volume, labels = phantom()
    return volume.with_voxels(np.flip(volume.voxels, axes)), np.flip(labels, axes)


def part(slices):
    volume, labels = phantom()
    return replace(volume, voxels=volume.voxels[slices]), labels[slices]


@pytest.mark.parametrize("slices", [slice(None), slice(0, 30), slice(20, 50), slice(25, 26), slice(10, 20)])
def test_a_good_result_is_not_doubted(slices):
    assert doubts(*part(slices)) == ()


@pytest.mark.parametrize("box", [np.s_[10:40, 15:50, 10:60], np.s_[:, :, 20:80], np.s_[20:30, 20:40, 20:40]])
def test_a_crop_is_not_doubted(box):
    assert doubts(*part(box)) == ()


@pytest.mark.parametrize("poor, expected", [(0, False), (3, False), (4, True), (8, True)])
def test_a_result_whose_organs_are_mostly_poor_is_doubted(poor, expected):
    volume, labels = phantom()
    rows = [replace(row, quality=Quality("poor" if n < poor else "good", 0.5))
            for n, row in enumerate(measure(volume, labels, ABDOMEN_LABELS))]
    found = find_doubts(volume, labels, rows)
    assert [doubt.startswith(f"Most organs are uncertain: {poor} of the 8") for doubt in found] == [True] * expected


def test_a_few_poor_organs_are_no_doubt_of_the_whole():
    volume, labels = phantom()
    rows = [replace(row, quality=Quality("poor", 0.5)) for row in measure(volume, labels, ABDOMEN_LABELS)[:2]]
    assert find_doubts(volume, labels, rows) == ()


@pytest.mark.parametrize("organ", list(VALUE))
def test_a_lone_organ_is_not_doubted(organ):
    volume, labels = phantom()
    label = next(label for label in ABDOMEN_LABELS if label.name == organ)
    assert doubts(volume, np.where(labels == label.value, labels, 0).astype(np.uint8), [label]) == ()


@pytest.mark.parametrize("axes, seen", [
    ((1,), "the spine lies in front"), ((2,), "the liver lies on the left, the left kidney lies on the right"),
    ((0,), "the lungs or the liver lie below the kidneys"),
    ((1, 2), "the spine lies in front, the liver lies on the left, the left kidney lies on the right"),
    ((0, 1), "the spine lies in front, the lungs or the liver lie below the kidneys"),
])
def test_a_patient_who_does_not_lie_as_the_header_says_is_doubted(axes, seen):
    assert only(*flipped(axes)).startswith(f"The orientation is doubtful: {seen};")


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_any_way_of_storing_a_patient_is_right(direction):
    volume, labels = phantom()
    stored = turned(volume, direction)
    check_scan("scan", stored)
    assert doubts(stored, turned(volume.with_voxels(labels), direction).voxels) == ()


def test_a_large_spleen_is_doubted_after_a_second_look_alone():
    volume, labels = phantom()
    large = labels.copy()
    large[(labels == VALUE["liver"]) & (np.arange(96) > 30)] = VALUE["spleen"]
    looks = []

    def second_look(answer):
        looks.append(answer)
        return answer

    assert doubts(volume, large, is_mirrored=lambda: second_look(False)) == ()
    assert "the liver lies on the left" in only(volume, large, is_mirrored=lambda: second_look(True))
    assert doubts(volume, labels, is_mirrored=lambda: second_look(True)) == () and looks == [False, True]


def test_the_tiny_model_sees_as_much_in_a_mirror(tiny_bundle):
    """It looks at each voxel alone, so that neither side comes out better."""
    volume, labels = phantom()
    assert not looks_mirrored(volume, load_bundle(tiny_bundle), labels, threads=1)
    assert not looks_mirrored(volume, load_bundle(tiny_bundle), np.zeros_like(labels), threads=1)


def lungs():
    volume, _ = phantom()
    voxels = np.full((30, 72, 96), -1000, np.int16)
    voxels[:, 10:62, 8:88] = 40
    voxels[:, 16:50, 14:46] = voxels[:, 16:50, 50:82] = -850
    return replace(volume, voxels=voxels)


def legs():
    volume, _ = phantom()
    voxels = np.full((30, 72, 96), -1000, np.int16)
    voxels[:, 20:50, 12:40] = voxels[:, 20:50, 56:84] = 40
    return replace(volume, voxels=voxels)


@pytest.mark.parametrize("scan, what", [(lungs(), "the lungs"), (legs(), "the legs"),
                                        (phantom()[0], "another part of the body")])
def test_a_scan_without_organs_is_doubted_with_what_it_probably_shows(scan, what):
    doubt = only(scan, np.zeros(scan.voxels.shape, np.uint8))
    assert doubt.startswith("None of the organs was found: the scan probably shows") and what in doubt


def test_a_long_scan_with_one_or_two_organs_is_doubted():
    labels = np.zeros(legs().voxels.shape, np.uint8)
    labels[5:20, 25:45, 15:35] = VALUE["liver"]
    assert only(legs(), labels).startswith("Hardly any organ was found (liver alone)")
    # Specks of others make no abdomen of it.
    labels[5:8, 30:36, 60:66], labels[22:24, 30:36, 60:66] = VALUE["spleen"], VALUE["aorta"]
    assert only(legs(), labels[...]).startswith("Hardly any organ was found (aorta, liver, spleen alone)")


def test_a_mean_that_no_phase_gives_is_doubted():
    volume, labels = phantom()
    voxels = np.where(np.isin(labels, (VALUE["liver"], VALUE["spleen"])), volume.voxels - 300, volume.voxels)
    assert "no phase gives a mean HU of Liver -19" in only(replace(volume, voxels=voxels), labels)


def test_an_organ_of_fifteen_litres_is_doubted():
    volume, labels = phantom()
    wide = replace(volume, spacing_mm=(8.5, 8.5, 13.0))
    found = doubts(wide, labels)
    assert found[0].startswith("The result cannot be right (") and "Liver of 1" in found[0]


def test_most_of_the_body_as_one_organ_is_doubted():
    volume, labels = phantom()
    fat = labels.copy()
    fat[(volume.voxels > -150) & (labels == 0)] = VALUE["stomach"]
    found = [doubt for doubt in doubts(volume, fat) if doubt.startswith("The result cannot be right")]
    assert len(found) == 1 and "Stomach of" in found[0]


@pytest.mark.parametrize("factor, what", [(0.5, "small"), (1.6, "large")])
def test_organs_of_another_size_than_an_adults_are_doubted(factor, what):
    volume, labels = phantom()
    scaled = replace(volume, spacing_mm=tuple(mm * factor for mm in volume.spacing_mm))
    assert any(doubt.startswith(f"Most organs are too {what} for an adult (") for doubt in doubts(scaled, labels))


@pytest.mark.parametrize("value", [0, 32767])
def test_a_region_that_was_filled_with_something_denser_than_air_is_told(value):
    volume, labels = phantom()
    filled = replace(volume, voxels=np.where(outside_circle(labels.shape), np.int16(value), volume.voxels))
    assert only(filled, labels) == (f"Regions of exactly {value} HU at the border hold no data; they were taken for "
                                    "air.")
    outside = replace(volume, voxels=np.where(outside_circle(labels.shape), np.int16(-2000), volume.voxels))
    assert doubts(outside, labels) == ()


def test_a_model_of_other_organs_is_judged_by_what_it_has():
    volume = Volume(phantom()[0].voxels, (4.0, 4.0, 6.0), (0.0, 0.0, 0.0), np.eye(3), "scan")
    pancreas = [label for label in ABDOMEN_LABELS if label.name == "pancreas"]
    assert doubts(volume, np.zeros(volume.voxels.shape, np.uint8), pancreas) == ()
