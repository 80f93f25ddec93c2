"""Metrics on masks small enough to work out by hand, against brute force, and against medpy itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_dilation

from Training.evaluation.distances import surface_distances
from Training.evaluation.metrics import (
    dice,
    hd95,
    millimetre,
    presence,
    robust_hausdorff_mm,
    surface_dice,
    transunet,
)

EMPTY = np.zeros((4, 4, 4), bool)
masks = arrays(bool, (4, 5, 6))
filled_masks = masks.filter(np.any)
spacings = st.tuples(*[st.sampled_from([0.5, 0.78, 1.0, 2.5, 3.0])] * 3)


def box(shape, *limits):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*limit) for limit in limits)] = True
    return mask


def voxel(shape, *index):
    mask = np.zeros(shape, bool)
    mask[index] = True
    return mask


def brute_force_border(mask):
    """Border by definition: a voxel of the mask with a face neighbour outside of it or of the grid."""
    padded = np.pad(mask, 1)
    border = []
    for point in np.argwhere(mask):
        neighbours = [tuple(point + 1 + step * unit) for unit in np.eye(3, dtype=int) for step in (-1, 1)]
        if not all(padded[neighbour] for neighbour in neighbours):
            border.append(point)
    return np.array(border)


def brute_force_distances(one, other, spacing_mm):
    scale = np.array(spacing_mm[::-1])
    offsets = (brute_force_border(one)[:, None] - brute_force_border(other)[None]) * scale
    return np.sqrt((offsets**2).sum(2)).min(1)


def test_dice_by_hand():
    # 2 slices each, 1 shared: 2 * 16 / (32 + 32).
    assert dice(box((4, 4, 4), (0, 2)), box((4, 4, 4), (1, 3))) == 0.5


def test_dice_of_integer_masks():
    prediction = np.array([[[0, 5, 5, 0]]], np.uint8)
    reference = np.array([[[0, 0, 1, 1]]], np.uint8)
    assert dice(prediction, reference) == 0.5


def test_dice_of_empty_masks():
    assert dice(EMPTY, ~EMPTY) == 0.0
    assert dice(~EMPTY, EMPTY) == 0.0
    assert math.isnan(dice(EMPTY, EMPTY))


def test_distance_by_pythagoras():
    there, back = surface_distances(voxel((5, 6, 7), 1, 1, 1), voxel((5, 6, 7), 1, 4, 5))
    assert there.tolist() == [5.0]
    assert back.tolist() == [5.0]


@pytest.mark.parametrize(("axis", "expected_mm"), [(0, 3.0), (1, 0.7), (2, 0.5)])
def test_order_of_spacings(axis, expected_mm):
    start, end = [1, 1, 1], [1, 1, 1]
    end[axis] += 1
    there, _ = surface_distances(voxel((3, 3, 3), *start), voxel((3, 3, 3), *end), spacing_mm=(0.5, 0.7, 3.0))
    assert there == pytest.approx([expected_mm])


def test_only_border_voxels_are_measured():
    # A 3 x 3 x 3 cube has 26 border voxels and one inside.
    cube = box((5, 5, 5), (1, 4), (1, 4), (1, 4))
    there, back = surface_distances(cube, cube)
    assert there.tolist() == [0.0] * 26
    assert back.tolist() == [0.0] * 26


def test_edge_of_the_grid_is_border():
    # The whole 3 x 3 x 3 grid: all but the central voxel.
    there, _ = surface_distances(np.ones((3, 3, 3), bool), np.ones((3, 3, 3), bool))
    assert len(there) == 26


def test_a_hole_has_a_border():
    shell = box((5, 5, 5), (0, 5), (0, 5), (0, 5)) & ~voxel((5, 5, 5), 2, 2, 2)
    there, _ = surface_distances(shell, shell)
    assert len(there) == (125 - 27) + 6


def test_hd95_pools_both_directions():
    # Prediction: voxels 0 to 9 of a row; reference: voxel 0. There: 0, 1, ..., 9; back: 0. Pooled and sorted
    # 0 0 1 2 ... 9; the 95th percentile lies at place 0.95 * 10 = 9.5, between 8 and 9.
    row = np.ones((1, 1, 10), bool)
    assert hd95(row, voxel((1, 1, 10), 0, 0, 0)) == pytest.approx(8.5)
    assert hd95(row, voxel((1, 1, 10), 0, 0, 0), spacing_mm=(2.0, 9.0, 9.0)) == pytest.approx(17.0)


def test_hd95_of_empty_masks():
    assert hd95(EMPTY, ~EMPTY) == math.inf
    assert hd95(~EMPTY, EMPTY) == math.inf
    assert math.isnan(hd95(EMPTY, EMPTY))


def slabs(*thicknesses, rows=41):
    """Slabs of thicknesses in voxels along i that begin at the same voxel, as wide as makes their edges small."""
    return [box((rows, rows, 40), (0, rows), (0, rows), (10, 10 + thickness)) for thickness in thicknesses]


def test_surface_dice_is_a_share_of_area():
    # One of two faces of each slab is 5 mm from the other's; the faces are nearly all of the surface.
    thin, thick = slabs(1, 6)
    near = surface_dice(thin, thick, spacing_mm=(1.0, 50.0, 50.0))
    assert near == pytest.approx(0.75, abs=0.02)  # all of the thin one is within 1 mm of the thick one's left face
    assert surface_dice(thin, thick, spacing_mm=(1.0, 50.0, 50.0), tolerance_mm=5.0) == 1.0


def test_hausdorff_is_the_larger_direction():
    # From the thin slab, 95 % lie at 0 to 1 mm; from the thick one, half lies 5 mm away.
    thin, thick = slabs(1, 6)
    for one, other in ((thin, thick), (thick, thin)):
        assert robust_hausdorff_mm(one, other, spacing_mm=(1.0, 50.0, 50.0)) == pytest.approx(5.0)


def test_hausdorff_of_empty_masks():
    assert robust_hausdorff_mm(EMPTY, ~EMPTY, spacing_mm=(1.0, 1.0, 1.0)) == math.inf
    assert robust_hausdorff_mm(~EMPTY, EMPTY, spacing_mm=(1.0, 1.0, 1.0)) == math.inf
    assert math.isnan(robust_hausdorff_mm(EMPTY, EMPTY, spacing_mm=(1.0, 1.0, 1.0)))


def test_tolerance_includes_itself():
    # 96 * 0.4 and 101 * 0.4 are not exactly 2 apart in binary floating point for every start.
    for start in range(100):
        one, other = voxel((1, 1, 110), 0, 0, start), voxel((1, 1, 110), 0, 0, start + 5)
        assert surface_dice(one, other, spacing_mm=(0.4, 1.0, 1.0)) == 1.0


def test_surface_dice_of_empty_masks():
    assert surface_dice(EMPTY, ~EMPTY, spacing_mm=(1.0, 1.0, 1.0)) == 0.0
    assert surface_dice(~EMPTY, EMPTY, spacing_mm=(1.0, 1.0, 1.0)) == 0.0
    assert math.isnan(surface_dice(EMPTY, EMPTY, spacing_mm=(1.0, 1.0, 1.0)))


def test_presence():
    assert presence(~EMPTY, ~EMPTY) == "both"
    assert presence(EMPTY, ~EMPTY) == "missed"
    assert presence(~EMPTY, EMPTY) == "invented"
    assert presence(EMPTY, EMPTY) == "absent"


def test_transunet_measures_in_voxels():
    prediction, reference = voxel((3, 3, 3), 0, 1, 1), voxel((3, 3, 3), 2, 1, 1)
    assert transunet(prediction, reference) == {"dice": 0.0, "hd95_voxels": 2.0}


def test_transunet_rules_for_absent_organs():
    assert transunet(~EMPTY, EMPTY) == {"dice": 1.0, "hd95_voxels": 0.0}
    assert transunet(EMPTY, ~EMPTY) == {"dice": 0.0, "hd95_voxels": 0.0}
    assert transunet(EMPTY, EMPTY) == {"dice": 0.0, "hd95_voxels": 0.0}


def test_millimetre_by_hand():
    prediction, reference = box((3, 1, 2), (0, 2)), box((3, 1, 2), (1, 3))
    scores = millimetre(prediction, reference, (10.0, 20.0, 5.0))
    # Both have elements at four heights, of which the upper or lower one is 5 mm from the nearest of the other.
    assert scores == {
        "dice": 0.5,
        "hd95_mm": 5.0,
        "surface_dice_2mm": pytest.approx(surface_dice(prediction, reference, spacing_mm=(10.0, 20.0, 5.0))),
        "prediction_ml": 4.0,
        "reference_ml": 4.0,
    }


@pytest.mark.parametrize(("prediction", "reference"), [(EMPTY, ~EMPTY), (~EMPTY, EMPTY)])
def test_millimetre_of_a_missed_organ(prediction, reference):
    scores = millimetre(prediction, reference, (1.0, 1.0, 1.0))
    assert scores["dice"] == 0.0
    assert scores["surface_dice_2mm"] == 0.0
    assert math.isnan(scores["hd95_mm"])
    assert scores["prediction_ml"] + scores["reference_ml"] == pytest.approx(0.064)


def test_millimetre_of_an_absent_organ():
    scores = millimetre(EMPTY, EMPTY, (1.0, 1.0, 1.0))
    assert all(math.isnan(scores[metric]) for metric in ("dice", "hd95_mm", "surface_dice_2mm"))
    assert scores["reference_ml"] == 0.0


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 4, 4\).*\(4, 4, 3\)"):
        dice(EMPTY, EMPTY[..., :3])


def test_slice_without_third_axis():
    with pytest.raises(ValueError, match="k, j, i"):
        hd95(EMPTY[0], EMPTY[0])


@pytest.mark.parametrize("spacing_mm", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, math.nan)])
def test_spacing_must_be_positive(spacing_mm):
    with pytest.raises(ValueError, match="positive"):
        hd95(~EMPTY, ~EMPTY, spacing_mm=spacing_mm)


@settings(max_examples=25, deadline=None)
@given(filled_masks, filled_masks, spacings)
def test_distances_by_brute_force(prediction, reference, spacing_mm):
    there, back = surface_distances(prediction, reference, spacing_mm=spacing_mm)
    np.testing.assert_allclose(there, brute_force_distances(prediction, reference, spacing_mm), atol=1e-12)
    np.testing.assert_allclose(back, brute_force_distances(reference, prediction, spacing_mm), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(filled_masks, filled_masks, spacings)
def test_metrics_are_symmetric(prediction, reference, spacing_mm):
    assert dice(prediction, reference) == dice(reference, prediction)
    assert hd95(prediction, reference, spacing_mm=spacing_mm) == pytest.approx(
        hd95(reference, prediction, spacing_mm=spacing_mm)
    )


@settings(max_examples=25, deadline=None)
@given(filled_masks, filled_masks, st.integers(0, 3), st.integers(0, 3))
def test_empty_space_changes_nothing(prediction, reference, before, after):
    margin = ((before, after), (after, before), (before, before))
    inner = surface_distances(prediction, reference)
    padded = surface_distances(np.pad(prediction, margin), np.pad(reference, margin))
    assert [part.tolist() for part in inner] == [part.tolist() for part in padded]


@settings(max_examples=25, deadline=None)
@given(filled_masks)
def test_a_mask_agrees_fully_with_itself(mask):
    assert transunet(mask, mask) == {"dice": 1.0, "hd95_voxels": 0.0}
    assert surface_dice(mask, mask, spacing_mm=(1.0, 1.0, 1.0), tolerance_mm=0.0) == 1.0


def blob_pair(seed):
    """Two overlapping ragged blobs of some thousand voxels, one with a stray voxel in the far corner."""
    random = np.random.default_rng(seed)
    seeds = np.zeros((24, 40, 36), bool)
    seeds[tuple(random.integers(8, 16, (3, 12)))] = True
    prediction = binary_dilation(seeds, iterations=4)
    reference = np.roll(binary_dilation(seeds, iterations=5), (1, -2, 3), axis=(0, 1, 2))
    prediction[-1, -1, -1] = True
    return prediction, reference


@pytest.mark.parametrize("seed", range(5))
def test_equals_medpy_itself(seed):
    medpy = pytest.importorskip("medpy.metric.binary", reason="medpy is not installed (pip install medpy)")
    prediction, reference = blob_pair(seed)
    assert transunet(prediction, reference) == {
        "dice": medpy.dc(prediction, reference),
        "hd95_voxels": pytest.approx(medpy.hd95(prediction, reference), abs=1e-12),
    }
    spacing_mm = (0.78, 0.8, 3.0)
    assert hd95(prediction, reference, spacing_mm=spacing_mm) == pytest.approx(
        medpy.hd95(prediction, reference, voxelspacing=spacing_mm[::-1]), abs=1e-9
    )
