"""Scans that say something wrong of themselves: each is right, refused for the true reason, or doubted (see `scale`).

Kinds of values, of headers and of filling are crossed with all formats, all ways of storing a patient and each other.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.doubts import find_doubts
from MISTKDSegmentLib.report.table import measure
from Testing.corpus.file_faults import ANY, AXES, CONTRADICTION, NO_ORIENTATION, spoil
from Testing.corpus.line import check_ending, check_sentence, read_segment_write
from Testing.corpus.scale import cases
from Testing.lib.kinds_of_values import FILLS, GOOD, WRONG, noisy
from Testing.lib.made_up_abdomen import outside_circle, phantom
from Testing.lib.orientations import turned

VALUES = [*GOOD, *GOOD, *WRONG]
# Of the whole phantom: parts of it have another circle.
WHOLE = [kind for kind, change in GOOD.items() if not kind.startswith(("filled", "the ", "one ", "a crop", "masked"))]


def stored(hu: np.ndarray, axes: str, as_floats: bool):
    """The phantom with other values, stored along other axes, as ITK would write it."""
    volume = turned(replace(phantom()[0], voxels=hu), AXES[axes])
    whole = np.array_equal(hu, np.rint(hu)) and np.abs(hu).max() < 2**31 and not as_floats
    kind = np.float32 if not whole else np.int16 if np.abs(hu).max() < 2**15 else np.int32
    image = sitk.GetImageFromArray(volume.voxels.astype(kind))
    image.SetSpacing(volume.spacing_mm)
    image.SetOrigin(volume.origin_mm)
    image.SetDirection(volume.direction.ravel().tolist())
    return volume, image


@cases(60, nightly=900)
@given(values=st.sampled_from(VALUES), file=st.sampled_from(ANY), axes=st.sampled_from(list(AXES)),
       compress=st.booleans(), as_floats=st.booleans(), is_stated=st.booleans())
def test_values_and_headers_of_every_kind(bundle, work, values, file, axes, compress, as_floats, is_stated):
    (suffix, header), reason = file, ""
    change, wrong = (GOOD[values], "") if values in GOOD else WRONG[values]
    volume, image = stored(change(phantom()[0].voxels.astype(np.float32)), axes, as_floats)
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, f"scan{suffix}"), Path(folder, "out", "result.nii.gz")
        out.parent.mkdir()
        sitk.WriteImage(image, str(path), compress)
        if header is not None:
            reason = spoil(path, suffix, header)
        # What nobody says, or two say differently, the user may state.
        stated = axes if is_stated and reason in (NO_ORIENTATION, CONTRADICTION) else None
        reason = "" if stated else reason
        outcome = work(read_segment_write, path, bundle, out, stated)
        check_ending(outcome, path, out)
        if reason or wrong:
            assert (reason or wrong) in outcome.error, outcome.error
            assert reason != NO_ORIENTATION or "--orientation" in outcome.error
            return
        assert not outcome.error, outcome.error
        np.testing.assert_allclose(outcome.volume.voxels, volume.voxels, atol=1e-3)
        np.testing.assert_allclose(outcome.volume.direction, volume.direction, atol=1e-5)
        np.testing.assert_allclose(outcome.volume.spacing_mm, volume.spacing_mm, rtol=1e-5)


@cases(20, nightly=150)
@given(flips=st.sampled_from([(), (0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)]), values=st.sampled_from(WHOLE),
       fill=st.sampled_from([None, *FILLS]), axes=st.sampled_from(list(AXES)), noise=st.sampled_from([0, 20, 40]))
def test_patients_who_lie_otherwise_than_the_header_says(flips, values, fill, axes, noise):
    volume, labels = phantom()
    hu = GOOD[values](noisy(volume.voxels.astype(np.float32), noise))
    if fill is not None:
        hu = np.where(outside_circle(hu.shape), np.float32(fill), hu)
    scan = turned(replace(volume, voxels=np.flip(hu, flips)), AXES[axes])
    found = turned(volume.with_voxels(np.flip(labels, flips)), AXES[axes]).voxels
    doubts = find_doubts(scan, found, measure(scan, found, ABDOMEN_LABELS))
    assert any(doubt.startswith("The orientation is doubtful") for doubt in doubts) == bool(flips)
    expected = {0: "below the kidneys", 1: "the spine lies in front", 2: "the liver lies on the left"}
    assert all(expected[axis] in doubts[0] for axis in flips)


@cases(10, nightly=60)
@given(values=st.sampled_from(WHOLE), fill=st.sampled_from(FILLS), axes=st.sampled_from(list(AXES)))
def test_regions_without_data_change_nothing_else(bundle, work, values, fill, axes):
    hu = GOOD[values](phantom()[0].voxels.astype(np.float32))
    outside = np.broadcast_to(outside_circle(hu.shape), hu.shape)
    results = []
    for value in (fill, -1024):
        volume, image = stored(np.where(outside, np.float32(value), hu), axes, True)
        with tempfile.TemporaryDirectory() as folder:
            path, out = Path(folder, "scan.nrrd"), Path(folder, "result.nii.gz")
            sitk.WriteImage(image, str(path))
            out = Path(folder, "out", "result.nii.gz")
            out.parent.mkdir()
            results.append(work(read_segment_write, path, bundle, out))
            assert not results[-1].error, results[-1].error
    labels = [outcome.labels for outcome in results]
    empty = turned(replace(volume, voxels=outside, direction=np.eye(3), spacing_mm=phantom()[0].spacing_mm,
                           origin_mm=phantom()[0].origin_mm), AXES[axes]).voxels
    assert not labels[0][empty].any()
    assert (labels[0] != labels[1]).mean() < 0.002


def test_a_sentence_is_short_whatever_the_values():
    from MISTKDSegmentLib.errors import InputError
    from MISTKDSegmentLib.inference.hu_checks import check_hu
    for change, _ in WRONG.values():
        try:
            check_hu("scan.nii", change(phantom()[0].voxels.astype(np.float32)))
        except InputError as error:
            check_sentence(str(error), Path("scan.nii"))
        else:
            raise AssertionError("not refused")
