"""The run: the same organs in the same place for every orientation, progress, stopping, thin slices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.errors import BundleError, InputError
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.progress import Filled, Progress
from MISTKDSegmentLib.inference.runner import ReadyScan, segment
from MISTKDSegmentLib.inference.signals import Signals
from MISTKDSegmentLib.inference.slices import slices_to_run
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.model.bundle import PostProcessing, default_bundle_folder, load_bundle
from Testing.lib.orientations import ORIENTATIONS, rotation, turned

SCAN = Path(__file__).parents[4] / "shared" / "ct" / "totalseg_example_ct_sm.nii.gz"
LIVER, SPLEEN = 5, 7


def patient(shape=(10, 60, 70), spacing=(2.0, 2.0, 5.0)) -> Volume:
    """A body of 0 HU with a liver (150 HU) on the right and a spleen (270 HU) on the left behind."""
    voxels = np.full(shape, -1000, np.int16)
    voxels[:, 5:-5, 5:-5] = 0
    voxels[2:8, 15:35, 10:30] = 150
    voxels[4:9, 38:50, 45:58] = 270
    return Volume(voxels, spacing, (-70.0, -60.0, 100.0), np.eye(3))


def labels_of(volume: Volume, bundle, **options) -> np.ndarray:
    out = np.full(volume.voxels.shape, 99, np.uint8)
    for _ in segment(volume, bundle, out, SegmentOptions(**options)):
        pass
    return out


def test_each_organ_is_where_its_voxels_are(tiny_bundle):
    volume = patient()
    labels = labels_of(volume, load_bundle(tiny_bundle))
    assert set(np.unique(labels)) == {0, LIVER, SPLEEN}
    inner = np.zeros(labels.shape, bool)
    inner[2:8, 17:33, 12:28] = True
    assert (labels[inner] == LIVER).all()
    assert (labels[4:9, 40:48, 47:56] == SPLEEN).all()
    assert not labels[:, :14].any() and not labels[:, 51:].any()
    assert (labels[:2] == 0).all() and (labels[9] == 0).all()


@pytest.mark.parametrize(("offset", "clean_up", "least_hu"), [
    (0.0, True, 75), (1.0, True, 35), (-1.0, True, 115), (1.0, False, 75),
])
def test_a_logit_offset_moves_the_threshold(tiny_bundle, offset, clean_up, least_hu):
    # The tiny model's score of the liver is (HU + 125) / 40 - 5 over the background's 0: each 40 HU add 1.
    bundle = replace(load_bundle(tiny_bundle), postprocessing={"liver": PostProcessing(logit_offset=offset)})
    for hu, expected in ((least_hu - 2, 0), (least_hu + 2, LIVER)):
        volume = Volume(np.full((3, 32, 32), hu, np.int16), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))
        assert (labels_of(volume, bundle, postprocess=clean_up) == expected).all()


def test_a_logit_offset_reaches_the_signals(tiny_bundle):
    bundle = replace(load_bundle(tiny_bundle), postprocessing={"liver": PostProcessing(logit_offset=1.0)})
    volume = Volume(np.full((3, 32, 32), 50, np.int16), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3))
    signals = Signals()
    for _ in segment(volume, bundle, np.zeros((3, 32, 32), np.uint8), signals=signals):
        pass
    assert signals.of_class(1).slices == 3


def test_signals_are_with_the_offsets_that_they_were_calibrated_with_in_any_case(tiny_bundle):
    bundle = replace(load_bundle(tiny_bundle), postprocessing={"liver": PostProcessing(logit_offset=1.0)})
    found = []
    for wanted in (True, False):
        signals, out = Signals(), np.zeros((10, 60, 70), np.uint8)
        for _ in segment(patient(), bundle, out, SegmentOptions(postprocess=wanted), signals):
            pass
        found.append(signals.of_class(1))
    assert found[0] == found[1] and found[0].slices


@pytest.mark.parametrize("direction", ORIENTATIONS)
def test_every_orientation_gives_the_same_organs_in_patient_space(tiny_bundle, direction):
    bundle = load_bundle(tiny_bundle)
    volume = patient()
    expected = turned(volume.with_voxels(labels_of(volume, bundle)), direction)
    np.testing.assert_array_equal(labels_of(turned(volume, direction), bundle), expected.voxels)


@pytest.mark.parametrize(("axis", "degrees"), [(0, 20), (1, -25), (2, 40)])
def test_an_oblique_scan_gives_the_same_organs_in_patient_space(tiny_bundle, axis, degrees):
    direction = rotation(degrees, axis)
    k, j, i = np.mgrid[:50, :60, :70]
    oblique = Volume(np.zeros(k.shape, np.int16), (2.0, 2.0, 2.0), tuple(direction @ [-69.0, -59.0, -49.0]), direction)
    x, y, z = np.moveaxis((np.stack([i, j, k, np.ones_like(i)], -1) @ oblique.ijk_to_lps.T)[..., :3], -1, 0)
    liver = ((x + 20) / 18) ** 2 + (y / 18) ** 2 + (z / 24) ** 2 < 1
    spleen = ((x - 22) / 12) ** 2 + ((y - 10) / 12) ** 2 + (z / 15) ** 2 < 1
    body = (x / 50) ** 2 + (y / 45) ** 2 < 1
    hu = np.select([liver, spleen, body], [150, 470, 0], -1000).astype(np.int16)
    labels = labels_of(oblique.with_voxels(hu), load_bundle(tiny_bundle))
    # The tiny model takes bright voxels at the rim of the spleen for liver, here as in any orientation.
    for value, truth, least in ((LIVER, liver, 0.95), (SPLEEN, spleen, 0.8)):
        found = labels == value
        assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > least
        np.testing.assert_allclose(np.argwhere(found).mean(0), np.argwhere(truth).mean(0), atol=0.3)


def test_anisotropic_and_non_square_pixels_are_labelled_on_their_own_grid(tiny_bundle):
    volume = patient(spacing=(1.1, 2.7, 4.0))
    labels = labels_of(volume, load_bundle(tiny_bundle))
    assert labels.shape == volume.voxels.shape
    assert (labels[4, 17:33, 13:27] == LIVER).all()


def test_one_slice_is_enough(tiny_bundle):
    volume = patient()
    lone = Volume(volume.voxels[5:6], volume.spacing_mm, volume.origin_mm, volume.direction)
    assert (labels_of(lone, load_bundle(tiny_bundle))[0, 17:33, 12:28] == LIVER).all()


def test_organs_that_were_not_asked_for_are_left_out(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    everything, spleen = labels_of(patient(), bundle), labels_of(patient(), bundle, organs=["spleen"])
    np.testing.assert_array_equal(spleen, np.where(everything == SPLEEN, SPLEEN, 0))


def test_clean_up_follows_the_bundle_and_can_be_switched_off(tiny_bundle):
    volume = patient()
    volume.voxels[5, 45:50, 12:18] = 150  # a second, smaller liver
    assert (labels_of(volume, load_bundle(tiny_bundle))[5, 45:50, 12:18] == 0).all()
    assert (labels_of(volume, load_bundle(tiny_bundle), postprocess=False)[5, 47, 14:16] == LIVER).all()


def test_progress_runs_from_none_to_all_slices(tiny_bundle):
    volume = patient()
    out = np.zeros(volume.voxels.shape, np.uint8)
    done = [(p.slices_done, p.slices_total) for p in segment(volume, load_bundle(tiny_bundle), out)]
    assert done[0] == (0, 10) and done[-1] == (10, 10)
    assert done == sorted(set(done)) and len(done) > 3


def test_a_run_that_is_not_asked_on_stops_where_it_is(tiny_bundle):
    volume = patient()
    out = np.zeros(volume.voxels.shape, np.uint8)
    run = segment(volume, load_bundle(tiny_bundle), out)
    while next(run).slices_done < 4:
        pass
    run.close()
    assert (out[2:4] == LIVER).any() and not out[6:].any()


def test_thin_slices_are_filled_in_between_those_that_were_run(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    thin = patient(shape=(10, 60, 70), spacing=(2.0, 2.0, 1.0))
    thin.voxels[:, 15:35, 10:30] = 150
    every, third = (labels_of(thin, bundle, slice_step_mm=step) for step in (1.0, 3.0))
    np.testing.assert_array_equal(every[:, 15:35, 10:30], third[:, 15:35, 10:30])


def test_scores_between_two_run_slices_cross_over_halfway(tiny_bundle):
    volume = patient(shape=(7, 60, 70), spacing=(2.0, 2.0, 1.0))
    volume.voxels[:, 15:35, 10:30] = 0
    volume.voxels[:3, 15:35, 10:30] = 150  # score 1.88 at k = 0, -1.88 at k = 6: zero at k = 3
    labels = labels_of(volume, load_bundle(tiny_bundle), slice_step_mm=6.0, postprocess=False)
    assert (labels[:3, 20:30, 15:25] == LIVER).all()
    assert (labels[4:, 20:30, 15:25] == 0).all()


@pytest.mark.parametrize(
    ("slices", "spacing_mm", "step_mm", "expected"),
    [(4, 5.0, 3.0, [0, 1, 2, 3]), (7, 1.0, 3.0, [0, 3, 6]), (8, 1.0, 3.0, [0, 3, 6, 7]), (1, 0.5, 3.0, [0]),
     (5, 3.0, 3.0, [0, 1, 2, 3, 4]), (5, 2.9, 3.0, [0, 1, 2, 3, 4])],
)
def test_the_first_and_last_slice_are_always_run(slices, spacing_mm, step_mm, expected):
    assert slices_to_run(range(slices), spacing_mm, step_mm) == expected


def test_an_array_that_does_not_fit_is_refused(tiny_bundle):
    with pytest.raises(ValueError, match="must be uint8"):
        next(segment(patient(), load_bundle(tiny_bundle), np.zeros((1, 2, 3), np.uint8)))


@pytest.mark.parametrize("content", [b"", b"no network", bytes(1000)])
def test_a_file_that_is_no_network_is_refused(tiny_bundle, content):
    bundle = replace(load_bundle(tiny_bundle), network=content)
    with pytest.raises(BundleError, match=r"cannot load .*model\.onnx"):
        next(segment(patient(), bundle, np.zeros((10, 60, 70), np.uint8)))


def test_a_description_of_another_network_is_refused(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    bundle = replace(bundle, labels=bundle.labels[:1], postprocessing={})
    with pytest.raises(BundleError, match="belongs to another network"):
        labels_of(patient(), bundle)


@pytest.mark.skipif(not SCAN.exists(), reason="the real scans of ../shared/ct are not here")
def test_the_model_that_ships_finds_the_same_organs_in_all_48_orientations_of_a_real_scan():
    bundle = load_bundle(default_bundle_folder())
    scan = read_volume(SCAN)
    scan = Volume(scan.voxels[::4], (*scan.spacing_mm[:2], 12.0), scan.origin_mm, scan.direction)
    canonical = Volume(scan.voxels[:, ::-1, ::-1], scan.spacing_mm, (0.0, 0.0, 0.0), np.eye(3))
    expected = labels_of(canonical, bundle)
    assert (expected == LIVER).sum() > 1000
    for direction in ORIENTATIONS:
        labels = labels_of(turned(canonical, direction), bundle)
        np.testing.assert_array_equal(labels, turned(canonical.with_voxels(expected), direction).voxels)


def around(volume: Volume, low_kji, high_kji) -> Region:
    """A region whose faces lie half a voxel around some voxels."""
    low, high = np.array(low_kji)[::-1] - 0.5, np.array(high_kji)[::-1] + 0.5
    unit_to_ijk = np.eye(4)
    unit_to_ijk[:3, :3] = np.diag((high - low) / 2)
    unit_to_ijk[:3, 3] = (low + high) / 2
    return Region(np.linalg.inv(volume.ijk_to_lps @ unit_to_ijk))


@pytest.mark.parametrize("direction", [ORIENTATIONS[0], ORIENTATIONS[-1]])
def test_within_a_region_labels_are_those_of_the_whole_run_and_outside_there_are_none(tiny_bundle, direction):
    bundle, volume = load_bundle(tiny_bundle), turned(patient(), direction)
    low, high = (np.array(volume.voxels.shape) * share // 10 for share in (3, 7))
    found = labels_of(volume, bundle, region=around(volume, low, high), postprocess=False)
    inside = np.zeros(volume.voxels.shape, bool)
    inside[tuple(slice(a, b + 1) for a, b in zip(low, high))] = True
    whole = labels_of(volume, bundle, postprocess=False)
    np.testing.assert_array_equal(found, np.where(inside, whole, 0))
    assert set(np.unique(found)) > {0}


def test_only_the_slices_of_the_region_are_run(tiny_bundle):
    volume, bundle = patient(), load_bundle(tiny_bundle)
    out = np.zeros(volume.voxels.shape, np.uint8)
    region = around(volume, (3, 0, 0), (8, 59, 69))
    assert list(segment(volume, bundle, out, SegmentOptions(region=region))) == [
        Progress(0, 6), Progress(4, 6, Filled(0, 3, 7)), Progress(6, 6)]


def test_a_region_beside_the_scan_is_refused_with_its_name(tiny_bundle):
    volume = patient()
    with pytest.raises(InputError, match="region lies outside volume"):
        labels_of(volume, load_bundle(tiny_bundle), region=around(volume, (20, 0, 0), (25, 9, 9)))


@pytest.mark.parametrize("direction", ORIENTATIONS[::5])
def test_progress_says_which_part_of_the_labels_is_new(tiny_bundle, direction):
    volume = turned(patient(), direction)
    out = np.zeros(volume.voxels.shape, np.uint8)
    seen = np.zeros_like(out)
    for progress in segment(volume, load_bundle(tiny_bundle), out, SegmentOptions(postprocess=False)):
        if progress.filled is not None:
            assert progress.filled.stop - progress.filled.start == 4
            seen[progress.filled.index] = out[progress.filled.index]
            np.testing.assert_array_equal(seen, out)
    assert np.count_nonzero(seen) > 0


@pytest.mark.parametrize("direction", ORIENTATIONS[::7])
def test_one_slice_alone_is_labelled_as_in_the_whole_run(tiny_bundle, direction):
    bundle, volume = load_bundle(tiny_bundle), turned(patient(), direction)
    whole = labels_of(volume, bundle, postprocess=False)
    out = np.zeros(volume.voxels.shape, np.uint8)
    filled = ReadyScan(volume, bundle, out).label_slice_at((0.0, 0.0, 100.0 + 5 * 6 - 2))
    assert filled.stop - filled.start == 1
    np.testing.assert_array_equal(out[filled.index], whole[filled.index])
    assert np.count_nonzero(out) == np.count_nonzero(whole[filled.index]) > 0


def test_a_slice_of_an_oblique_scan_is_brought_back_to_its_grid(tiny_bundle):
    k, j, i = 5, 25, 20  # in the liver
    # Slices that are tilted show a level back sloping.
    sloping = np.stack([np.roll(hu, round(np.tan(np.radians(20)) * 5.0 / 2.0 * (n - k)), axis=0)
                        for n, hu in enumerate(patient().voxels)])
    tilted = Volume(sloping, (2.0, 2.0, 5.0), (-70.0, -60.0, 100.0), rotation(20, 0))
    out = np.zeros(tilted.voxels.shape, np.uint8)
    position = (tilted.ijk_to_lps @ [i, j, k, 1])[:3]
    assert ReadyScan(tilted, load_bundle(tiny_bundle), out).label_slice_at(position) is None
    assert out[k, j, i] == LIVER
