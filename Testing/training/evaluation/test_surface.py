"""Surface elements: areas by hand, and areas and metrics of DeepMind's own package."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from Training.evaluation.metrics import ROUNDING_MM, robust_hausdorff_mm, surface_dice
from Training.evaluation.surface import CODES, CORNERS, element_areas, surface_of

ISOTROPIC = (1.0, 1.0, 1.0)
SPACINGS = (ISOTROPIC, (0.78, 0.8, 3.0), (2.5, 0.3, 1.0))
masks = arrays(bool, (4, 5, 6)).filter(np.any)
spacings = st.tuples(*[st.sampled_from([0.5, 0.78, 1.0, 2.5, 3.0])] * 3)


def area_mm2(mask, spacing_mm=ISOTROPIC):
    return element_areas(surface_of(mask).codes, np.array(spacing_mm[::-1])).sum()


def test_a_lone_voxel_is_an_octahedron():
    # Eight triangles between the middles of the ways to its neighbours: sides of sqrt(1/2).
    lone = np.ones((1, 1, 1), bool)
    assert area_mm2(lone) == pytest.approx(8 * math.sqrt(3) / 8)
    # Of 2 x 2 x 6 mm: edges in the plane of 1 and 1, and 1 and 3 mm half-axes.
    assert area_mm2(lone, (2.0, 2.0, 6.0)) == pytest.approx(8 * math.sqrt(1 * 1 + 2 * (1 * 3) ** 2) / 2)


def test_a_large_face_counts_by_its_area_in_mm2():
    faces, edges = area_mm2(np.ones((4, 22, 32), bool), (0.5, 0.7, 3.0)), 2 * (20 * 0.7) * (30 * 0.5)
    assert edges < faces < 2 * (22 * 0.7 * 32 * 0.5 + 22 * 0.7 * 4 * 3.0 + 32 * 0.5 * 4 * 3.0)


def test_a_slab_that_grows_by_a_voxel_gains_the_ring_around_it():
    thin, thick = (area_mm2(np.ones((k, 5, 5), bool), (1.0, 1.0, 4.0)) for k in (3, 4))
    # Four sides of 4 voxels by 4 mm, and four bevelled edges of sqrt(1/2) mm.
    assert thick - thin == pytest.approx(4 * (4 * 4 + math.sqrt(0.5) * 4))


def test_elements_lie_between_voxels_and_know_which_of_them_are_inside():
    points, codes = surface_of(np.ones((1, 1, 1), bool))
    assert sorted(map(tuple, points)) == sorted(tuple(np.array(corner) - 0.5) for corner in CORNERS)
    assert sorted(codes.tolist()) == [1 << n for n in range(8)]


def test_nothing_has_no_surface():
    assert surface_of(np.zeros((4, 5, 6), bool)).points.shape == (0, 3)


def test_inside_and_outside_have_the_same_surface():
    codes = np.arange(CODES, dtype=np.uint8)
    np.testing.assert_allclose(element_areas(codes, np.array(SPACINGS[1])),
                               element_areas(codes[::-1], np.array(SPACINGS[1])))


@pytest.fixture(scope="module")
def deepmind():
    return pytest.importorskip("surface_distance", reason="surface-distance is not installed")


@pytest.mark.parametrize("spacing_kji", SPACINGS)
def test_areas_of_all_neighbourhoods_are_deepminds(deepmind, spacing_kji):
    tables = deepmind.metrics.lookup_tables
    theirs = tables.create_table_neighbour_code_to_surface_area(spacing_kji)
    bits = [int(tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL[corner]) for corner in CORNERS]
    places = [sum(bit for n, bit in enumerate(bits) if code >> n & 1) for code in range(CODES)]
    np.testing.assert_allclose(element_areas(np.arange(CODES, dtype=np.uint8), np.array(spacing_kji)),
                               np.asarray(theirs)[places], rtol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(max_examples=50, deadline=None)
@given(prediction=masks, reference=masks, spacing_mm=spacings, tolerance_mm=st.sampled_from([0.0, 1.0, 2.0]))
def test_metrics_are_deepminds(deepmind, prediction, reference, spacing_mm, tolerance_mm):
    theirs = deepmind.compute_surface_distances(reference, prediction, spacing_mm[::-1])
    assert surface_dice(prediction, reference, spacing_mm=spacing_mm, tolerance_mm=tolerance_mm) == pytest.approx(
        deepmind.compute_surface_dice_at_tolerance(theirs, tolerance_mm + ROUNDING_MM))
    for way in ("gt", "pred"):
        shares = np.cumsum(theirs[f"surfel_areas_{way}"]) / theirs[f"surfel_areas_{way}"].sum()
        assume(abs(shares - 0.95).min() > 1e-9)  # where rounding would decide which of two distances it is
    assert robust_hausdorff_mm(prediction, reference, spacing_mm=spacing_mm) == pytest.approx(
        deepmind.compute_robust_hausdorff(theirs, 95))
