"""The overlay picture reads as a radiologist expects, for every orientation of the input."""

from itertools import permutations, product

import numpy as np
import pytest
from PIL import Image

from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.overlay import draw_overlay, write_overlay

SPLEEN = ABDOMEN_LABELS[6]  # purple: no other thing in the picture has its hue
BODY_HU = 40
ORIENTATIONS = [(axes, flips) for axes in permutations(range(3)) for flips in product((1, -1), repeat=3)]


def scan_with_organ(shape=(20, 30, 40), spacing_mm=(8.0, 8.0, 10.0), organ=None):
    """A block of soft tissue (i -> left, j -> posterior, k -> superior), an organ in a window (k, j, i)."""
    volume = Volume(np.full(shape, BODY_HU, np.int16), spacing_mm, (-160.0, -120.0, 0.0), np.eye(3), "block")
    labels = np.zeros(shape, np.uint8)
    if organ:
        labels[organ] = SPLEEN.value
    return volume, labels


def turned(volume, labels, axes, flips):
    """The same patient with other axes: the new axis n is the old axes[n], reversed where flips[n] < 0."""
    order = tuple(2 - axes[2 - n] for n in range(3))
    against = tuple(2 - n for n in range(3) if flips[n] < 0)
    first = np.zeros(3)
    for n in range(3):
        if flips[n] < 0:
            first[axes[n]] = volume.voxels.shape[2 - axes[n]] - 1
    origin = (volume.ijk_to_lps @ [*first, 1])[:3]
    direction = volume.direction[:, list(axes)] * np.array(flips)
    spacing = tuple(volume.spacing_mm[axis] for axis in axes)
    voxels, values = (np.flip(array.transpose(order), against) for array in (volume.voxels, labels))
    return Volume(voxels, spacing, tuple(origin), direction, volume.name), values


def pixels(volume, labels, label_table=(SPLEEN,)):
    return np.asarray(draw_overlay(volume, labels, label_table)).astype(int)


def views_of(picture):
    """The three views, found as the three large blocks of tissue in the picture."""
    bright = (picture.min(axis=2) > 90) | is_organ(picture)
    columns = np.flatnonzero(bright.sum(0) > 30)
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    groups = [group for group in groups if len(group) > 100]
    assert len(groups) == 3
    pieces = []
    for group in groups:
        rows = np.flatnonzero(bright[:, group].mean(1) > 0.5)
        pieces.append(picture[rows[0]:rows[-1] + 1, group[0]:group[-1] + 1])
    return pieces


def is_organ(picture):
    red, green, blue = np.moveaxis(picture, 2, 0)
    return (blue - green > 8) & (red - green > 6) & (green > 60)


def centre_of_organ(view):
    """Relative (x, y) in a view: (0, 0) is its upper left corner, (1, 1) its lower right one."""
    rows, columns = np.nonzero(is_organ(view))
    return columns.mean() / view.shape[1], rows.mean() / view.shape[0]


RIGHT_ANTERIOR_SUPERIOR = (slice(15, 19), slice(2, 6), slice(3, 9))


def test_organ_at_the_right_front_top_lies_there_in_each_view():
    axial, coronal, sagittal = views_of(pixels(*scan_with_organ(organ=RIGHT_ANTERIOR_SUPERIOR)))
    i, j, k = 6 / 40, 4 / 30, 17 / 20
    assert centre_of_organ(axial) == pytest.approx((i, j), abs=0.03)
    assert centre_of_organ(coronal) == pytest.approx((i, 1 - k), abs=0.03)
    assert centre_of_organ(sagittal) == pytest.approx((j, 1 - k), abs=0.03)


@pytest.mark.parametrize("axes, flips", ORIENTATIONS)
def test_picture_is_the_same_for_every_orientation_of_the_grid(axes, flips, expected_picture):
    picture = draw_overlay(*turned(*scan_with_organ(organ=RIGHT_ANTERIOR_SUPERIOR), axes, flips), [SPLEEN])
    np.testing.assert_array_equal(np.asarray(picture), expected_picture)


@pytest.fixture(scope="module")
def expected_picture():
    return np.asarray(draw_overlay(*scan_with_organ(organ=RIGHT_ANTERIOR_SUPERIOR), [SPLEEN]))


def test_oblique_scan_is_shown_upright():
    volume, labels = scan_with_organ(organ=(slice(14, 18), slice(6, 12), slice(6, 14)))
    c, s = np.cos(np.radians(25)), np.sin(np.radians(25))
    direction = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    oblique = Volume(volume.voxels, volume.spacing_mm, volume.origin_mm, direction)
    organ_lps = (oblique.ijk_to_lps @ [9.5, 8.5, 15.5, 1])[:3]
    corners = [(oblique.ijk_to_lps @ [i, j, 0, 1])[0] for i in (-0.5, 39.5) for j in (-0.5, 29.5)]
    picture = pixels(oblique, labels)[:500]  # without the legend
    columns = np.flatnonzero(is_organ(picture).any(0))
    axial = columns[columns < 500]
    shown = ((picture.min(axis=2) > 90).sum(0)[:500] > 20).nonzero()[0]
    expected = (organ_lps[0] - min(corners)) / (max(corners) - min(corners))
    assert (axial.mean() - shown[0]) / (shown[-1] - shown[0]) == pytest.approx(expected, abs=0.05)


def test_millimetres_are_the_same_in_all_views_and_directions():
    axial, coronal, sagittal = views_of(pixels(*scan_with_organ(organ=np.s_[2:18, 5:9, 5:9])))
    width, depth, height = 40 * 8, 30 * 8, 20 * 10
    px_per_mm = axial.shape[1] / width
    assert [view.shape[0] / px_per_mm for view in (axial, coronal, sagittal)] == pytest.approx(
        [depth, height, height], abs=4)
    assert [view.shape[1] / px_per_mm for view in (axial, coronal, sagittal)] == pytest.approx(
        [width, width, depth], abs=4)


def test_views_go_through_the_slices_with_most_organ():
    volume, labels = scan_with_organ()
    labels[4, 10:12, 10:12] = SPLEEN.value
    labels[12, 5:25, 20:35] = SPLEEN.value
    share = is_organ(views_of(pixels(volume, labels))[0]).mean()
    assert share == pytest.approx(20 * 15 / (30 * 40), abs=0.03)


def test_the_outline_of_an_organ_to_look_at_is_dotted():
    volume, labels = scan_with_organ(organ=np.s_[5:15, 8:22, 10:30])
    solid, dotted = (np.asarray(draw_overlay(volume, labels, [SPLEEN], unsure)).astype(int)
                     for unsure in ({}, {"spleen": "poor"}))
    lines = [[(abs(view - SPLEEN.color).max(2) < 25).sum() for view in views_of(picture)]
             for picture in (solid, dotted)]
    assert all(0.3 * whole < part < 0.7 * whole for whole, part in zip(*lines))


def test_the_legend_has_the_word_of_each_organ():
    scan = scan_with_organ(organ=np.s_[5:15, 8:22, 10:30])
    plain, look, poor = (np.asarray(draw_overlay(*scan, [SPLEEN], words)) for words in (
        {}, {"spleen": "look"}, {"spleen": "poor"}))
    assert (plain != look).any() and (look != poor).any()


def test_labels_outside_the_table_are_not_drawn():
    volume, labels = scan_with_organ(organ=RIGHT_ANTERIOR_SUPERIOR)
    nothing = pixels(volume, np.zeros_like(labels), [ABDOMEN_LABELS[0]])
    np.testing.assert_array_equal(pixels(volume, labels, [ABDOMEN_LABELS[0]]), nothing)


def test_scan_without_organ_is_drawn_with_its_middle_slices():
    volume, labels = scan_with_organ()
    volume.voxels[10] = 200
    axial = views_of(pixels(volume, labels))[0]
    assert axial[20:-20, 20:-20].min() > 220
    assert not is_organ(axial).any()


@pytest.mark.parametrize("shape, spacing_mm", [
    ((1, 64, 64), (5.0, 5.0, 5.0)), ((3, 64, 64), (5.0, 5.0, 40.0)), ((64, 64, 1), (5.0, 5.0, 5.0)),
    ((1, 1, 1), (1.0, 1.0, 1.0)), ((900, 40, 50), (8.0, 8.0, 2.0))])
def test_thin_thick_and_tall_scans_are_drawn(shape, spacing_mm):
    picture = draw_overlay(*scan_with_organ(shape, spacing_mm, np.s_[:, :20, :20]), ABDOMEN_LABELS)
    assert picture.width == 1400
    assert 150 < picture.height < 1300


def test_whole_body_is_cropped_to_the_surroundings_of_the_organs():
    axial, coronal, _ = views_of(pixels(*scan_with_organ((200, 30, 40), organ=np.s_[60:70, 5:15, 5:15])))
    px_per_mm = axial.shape[1] / 320
    assert coronal.shape[0] / px_per_mm == pytest.approx(100 + 2 * 120, abs=6)


def test_scan_of_plain_air_is_drawn():
    volume, labels = scan_with_organ()
    volume.voxels[:] = -1000
    assert draw_overlay(volume, labels, ABDOMEN_LABELS).width == 1400


def test_labels_of_another_shape_are_refused():
    volume, labels = scan_with_organ()
    with pytest.raises(ValueError, match=r"\(19, 30, 40\)"):
        draw_overlay(volume, labels[1:], ABDOMEN_LABELS)


def test_png_is_written_as_drawn(tmp_path):
    volume, labels = scan_with_organ(organ=RIGHT_ANTERIOR_SUPERIOR)
    write_overlay(tmp_path / "scan.png", volume, labels, [SPLEEN])
    with Image.open(tmp_path / "scan.png") as written:
        assert written.format == "PNG"
        np.testing.assert_array_equal(np.asarray(written), np.asarray(draw_overlay(volume, labels, [SPLEEN])))


def test_png_into_a_missing_folder_is_refused_with_its_name(tmp_path):
    with pytest.raises(OutputError, match=r"nowhere.scan\.png"):
        write_overlay(tmp_path / "nowhere" / "scan.png", *scan_with_organ(), [SPLEEN])
