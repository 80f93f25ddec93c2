"""Passes over the body that share a series, told apart by made-up headers."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from MISTKDSegmentLib.io.dicom.passes import mingled_acquisitions, passes
from Testing.lib.dicom_files import made_up_header


def stack(first, count, step=5.0, **attributes):
    return [made_up_header(first + step * k, **attributes) for k in range(count)]


def numbered(images, first=1, name="instance_number"):
    return [image._replace(**{name: float(first + n)}) for n, image in enumerate(images)]


def heights(parts):
    return [sorted(image.position[2] for image in part) for part in parts]


SECOND = {"acquisition_number": 2.0, "series_number": "3", "image_type": "DERIVED\\PRIMARY", "kernel": "B70",
          "kvp": "140", "contrast_agent": "yes", "series_time": "1205", "trigger_time": "70", "cardiac_phase": "75",
          "temporal_position": "2", "temporal_index": "2", "thickness_mm": 1.0, "size": (8, 8),
          "spacing_mm": (0.5, 0.5), "frame_of_reference_uid": "1.3"}


@pytest.mark.parametrize("name", SECOND)
@pytest.mark.parametrize(("first", "count"), [(2.5, 6), (0.0, 6), (10.0, 9), (-10.0, 3)])
def test_passes_that_overlap_and_differ_in_one_attribute_are_told_apart(name, first, count):
    one, other = stack(0, 6), stack(first, count, **{name: SECOND[name]})
    mixed = random.Random(0).sample(one + other, 6 + count)
    assert sorted(heights(passes(mixed))) == sorted(heights([one, other]))


@pytest.mark.parametrize("name", SECOND)
def test_passes_one_beyond_the_other_stay_one(name):
    images = stack(0, 6) + stack(30, 6, **{name: SECOND[name]})
    assert len(passes(images)) == 1


@pytest.mark.parametrize("name", ["time", "instance_number"])
@pytest.mark.parametrize("first", [2.5, 0.0, 10.0])
@pytest.mark.parametrize("down", [False, True])
def test_passes_are_told_apart_by_when_the_table_went_back(name, first, down):
    one, other = stack(0, 6), stack(first, 6)
    images = one + (other[::-1] if down else other)
    values = [float(n) if name == "instance_number" else f"{120000 + n}" for n in range(12)]
    images = [image._replace(**{name: value}) for image, value in zip(images, values)]
    assert sorted(heights(passes(images))) == sorted(heights([one, other]))


def test_three_phases_of_two_rotations_each_make_three_passes():
    images = []
    for number in range(6):
        images += stack(30 * (number % 2), 6, acquisition_number=float(number))
    assert heights(passes(images)) == [[5.0 * k for k in range(12)]] * 3


def test_each_rotation_with_a_number_and_time_of_its_own_is_one_pass():
    images = [image._replace(time=f"12{n:04}") for n, image in
              enumerate(numbered(numbered(stack(0, 20)), name="acquisition_number"))]
    assert heights(passes(images)) == [[5.0 * k for k in range(20)]]


@settings(deadline=None)
@given(st.permutations(range(30)), st.sampled_from(["instance_number", "acquisition_number", "trigger_time", "kvp"]))
def test_numbers_given_at_random_leave_a_scan_whole(order, name):
    images = [image._replace(**{name: float(n) if name.endswith("number") else f"{n:02}"})
              for n, image in zip(order, stack(0, 30))]
    assert [len(part) for part in passes(images)] in ([30], [10, 20], [20, 10], [15, 15])


def test_some_slices_without_a_number_leave_a_scan_whole():
    images = [image._replace(acquisition_number=math.nan if n in (3, 4, 9) else 1.0)
              for n, image in enumerate(stack(0, 12))]
    assert len(passes(images)) == 1 and mingled_acquisitions(images) is None


def test_repeated_pictures_of_one_place_are_no_passes():
    images = [made_up_header(0.0, acquisition_number=float(n)) for n in range(20)]
    assert len(passes(images)) == 1


def test_a_stray_slice_of_another_acquisition_is_no_pass():
    images = [*stack(0, 8, acquisition_number=1.0), made_up_header(12.0, acquisition_number=2.0)]
    assert len(passes(images)) == 1
    assert mingled_acquisitions(images) == (1, 2)


def test_acquisitions_of_which_one_has_a_hole_are_named_and_not_told_apart():
    holed = [image for image in stack(2.5, 6, acquisition_number=2.0) if image.position[2] != 12.5]
    images = stack(0, 6, acquisition_number=1.0) + holed
    assert len(passes(images)) == 1
    assert mingled_acquisitions(images) == (1, 2)


def test_acquisitions_one_beyond_the_other_are_not_mingled():
    images = stack(30, 3, acquisition_number=1.0) + stack(0, 6, acquisition_number=7.0)
    assert mingled_acquisitions(images) is None
