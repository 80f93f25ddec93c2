"""Copies, pieces and slices with a UID each, by made-up headers and a few files."""

from pathlib import Path

import pytest

from MISTKDSegmentLib.io.dicom.joined_series import of_folders, rejoined
from Testing.lib.dicom_files import made_up_header


def stack(first, count, folder="a", uid="1.8", numbers=True, **attributes):
    return [made_up_header(
        first + 5.0 * k, path=Path(folder, f"{first + 5.0 * k}"), series_uid=uid, instance_uid=f"{uid}.{first}.{k}",
        **({"instance_number": first / 5 + k} if numbers else {}), **attributes) for k in range(count)]


def sizes(series):
    return sorted(len(images) for images in series)


@pytest.mark.parametrize("numbers", [True, False])
def test_pieces_in_several_folders_are_one_series(numbers):
    images = stack(0, 5, "a/0", numbers=numbers) + stack(25, 5, "a/1", numbers=numbers)
    assert sizes(of_folders(images)) == [10]


@pytest.mark.parametrize("numbers", [True, False])
def test_every_third_slice_in_another_folder_is_one_series(numbers):
    images = [image._replace(path=Path(f"a/{n % 3}/{n}")) for n, image in enumerate(stack(0, 9, numbers=numbers))]
    assert sizes(of_folders(images)) == [9]


def test_pieces_with_a_gap_stay_one_so_that_the_gap_is_found():
    assert sizes(of_folders(stack(0, 5, "a/0") + stack(50, 5, "a/2"))) == [10]


def test_different_things_under_one_uid_are_as_many_as_their_folders():
    other = [image._replace(instance_uid=f"9{n}", position=(0, 0, 2.0 + 5 * n))
             for n, image in enumerate(stack(0, 5, "b"))]
    assert sizes(of_folders(stack(0, 5, "a") + other)) == [5, 5]


def test_a_series_in_pieces_beside_a_second_pass_over_it_is_joined():
    images = stack(0, 4, "a/0", numbers=False, kvp="80") + stack(20, 4, "a/1", numbers=False, kvp="80")
    assert sizes(of_folders(images + stack(2.5, 8, "a", numbers=False, kvp="140"))) == [16]


def test_copies_of_a_series_are_apart_and_those_of_a_part_are_left_out():
    images = stack(0, 8)
    copies = [image._replace(path=Path("b", image.path.name)) for image in images]
    assert sizes(of_folders(images + copies)) == [8, 8]
    assert of_folders(images + copies[2:5]) == [images]


def test_copies_of_a_series_in_pieces_are_apart_as_wholes():
    images = stack(0, 4, "a/0") + stack(20, 4, "a/1")
    copies = [image._replace(path=Path("b", *image.path.parts[1:])) for image in images]
    assert sizes(of_folders(images + copies)) == [8, 8]
    assert sizes(of_folders(images + copies[:4])) == [8]


def test_files_of_the_same_content_count_once_and_others_of_the_same_name_twice(tmp_path):
    images = []
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
        images.append(made_up_header(5.0, path=tmp_path / name, instance_uid="1.9"))
    assert [image.path.name for image in of_folders(images)[0]] == ["a", "c"]


def alone(count, **of_each):
    same = {"series_number": "2", "study_uid": "1.7", "frame_of_reference_uid": "1.6"}
    return [[made_up_header(5.0 * n, series_uid=f"1.8.{n}",
                            **{**same, **{name: f"{value}{n}" for name, value in of_each.items()}})]
            for n in range(count)]


@pytest.mark.parametrize("names", [(), ("frame_of_reference_uid",), ("study_uid", "frame_of_reference_uid"),
                                   ("series_number",), ("study_uid", "frame_of_reference_uid", "series_number")])
def test_slices_with_a_uid_each_are_one_series(names):
    assert sizes(rejoined(alone(6, **dict.fromkeys(names, "9")))) == [6]


@pytest.mark.parametrize("name", ["patient", "kernel", "image_type"])
def test_slices_of_different_kinds_are_not(name):
    assert sizes(rejoined(alone(6, **{name: "x"}))) == [1] * 6


def test_slices_of_different_studies_that_make_no_stack_are_not():
    images = alone(4, study_uid="1.")
    for n, (image,) in enumerate(images):
        images[n][0] = image._replace(path=Path(f"{n}/slice"), position=(0.0, 0.0, [0, 5, 12.3, 15][n]))
    assert sizes(rejoined(images)) == [1] * 4
    # In one folder, they are more likely one scan, which is read to say what is wrong with it.
    assert sizes(rejoined([[image._replace(path=Path(f"a/{n}"))] for n, (image,) in enumerate(images)])) == [4]


def test_halves_with_a_uid_each_are_one_series_and_scans_that_overlap_or_lie_apart_are_not():
    assert sizes(rejoined([stack(0, 5, uid="1.8"), stack(25, 5, uid="1.9")])) == [10]
    assert sizes(rejoined([stack(0, 5, uid="1.8"), stack(2.5, 5, uid="1.9")])) == [5, 5]
    assert sizes(rejoined([stack(0, 5, uid="1.8"), stack(60, 5, uid="1.9")])) == [5, 5]


def test_halves_with_a_uid_each_are_one_series_also_beside_a_second_pass_over_it():
    halves = [stack(0, 5, uid="1.8"), stack(25, 5, uid="1.9")]
    assert sizes(rejoined([*halves, stack(2.5, 10, uid="1.9")])) == [10, 10]


def test_pieces_with_a_gap_are_joined_also_beside_a_second_pass_over_them():
    images = stack(0, 4, "a/0", numbers=False) + stack(35, 4, "a/1", numbers=False)
    assert sizes(of_folders(images + stack(2.5, 10, "a", numbers=False))) == [8, 10]


def renumbered(images, first=0):
    return [image._replace(instance_number=float(first + n), instance_uid=f"{image.path}") for n, image in
            enumerate(images)]


def test_phases_in_pieces_with_the_same_numbers_are_joined_where_an_attribute_tells_them_apart():
    phases = [renumbered(stack(0, 4, f"{name}/0", kvp=name)) + renumbered(stack(20, 4, f"{name}/1", kvp=name), 4)
              for name in ("80", "140")]
    assert sizes(of_folders(phases[0] + phases[1])) == [16]


def test_things_that_are_numbered_alike_stay_apart_though_they_would_make_a_stack_together():
    for first in (2.5, 25.0):
        images = renumbered(stack(0, 5, "a")) + renumbered(stack(first, 5, "b"))
        assert sizes(of_folders(images)) == [5, 5]
