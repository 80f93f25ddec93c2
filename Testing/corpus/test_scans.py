"""Generated scans go the whole way: shapes, spacings, directions, voxel types, HU scales (see `scale` for how many).

What is right is worked out here from the block that was drawn and from the file that was written, read by SimpleITK.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from Testing.corpus import scans
from Testing.corpus.line import check_ending, check_sentence, read_segment_write
from Testing.corpus.scale import cases

OUTPUTS = st.sampled_from([".seg.nrrd", ".nii.gz"])


def check_run(scan, path, bundle, work, output):
    """What comes out of a file: the scan as it was drawn, and its labels, or a refusal where it is no CT."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, f"result{output}")
        outcome = work(read_segment_write, path, bundle, out)
        check_ending(outcome, path, out)
        if not scan.is_ct:
            assert outcome.error
            return
        assert not outcome.error, outcome.error
        check_volume(scan, outcome.volume)
        check_labels(scan, outcome.labels)
        check_file(scan, outcome.labels, out)


def check_volume(scan, volume):
    np.testing.assert_allclose(volume.voxels, scan.hu, atol=1e-3)
    np.testing.assert_allclose(volume.ijk_to_lps, scan.ijk_to_lps, rtol=1e-4, atol=1e-3)


def check_labels(scan, labels):
    inside, outside = scan.certain()
    assert (labels[inside] == scans.LIVER).all() and not labels[outside].any()
    assert set(np.unique(labels)) <= {0, scans.LIVER}


def check_file(scan, labels, out):
    image = sitk.ReadImage(str(out))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), labels)
    for corner in np.ndindex(2, 2, 2):
        index = [int(c * (n - 1)) for c, n in zip(corner, scan.hu.shape[::-1])]
        expected = (scan.ijk_to_lps @ (*index, 1))[:3]
        np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(index), expected, rtol=1e-4, atol=2e-2)


@cases(40)
@given(scan=scans.scans(), suffix=st.sampled_from(scans.SUFFIXES), compress=st.booleans(), output=OUTPUTS)
def test_any_geometry_in_any_format(bundle, work, scan, suffix, compress, output):
    with tempfile.TemporaryDirectory() as folder:
        path = scans.write(scan, Path(folder, f"scan{suffix}"), compress=compress)
        check_run(scan, path, bundle, work, output)


@cases(20)
@given(scan=scans.scans(), kind=st.sampled_from(list(scans.STORAGE)), data=st.data(), output=OUTPUTS)
def test_any_voxel_type_and_scale(bundle, work, scan, kind, data, output):
    slope, intercept = data.draw(st.sampled_from(scans.STORAGE[kind]))
    with tempfile.TemporaryDirectory() as folder:
        path = scans.write(scan, Path(folder, "scan.nii"), kind, slope, intercept)
        check_run(scan, path, bundle, work, output)


@cases(10)
@given(scan=scans.scans(right_handed=True), slope=st.sampled_from([1, 0.5, 2]), output=OUTPUTS,
       intercept=st.sampled_from([-1024, 0, -1000]))
def test_any_dicom_series(bundle, work, scan, slope, intercept, output):
    with tempfile.TemporaryDirectory() as folder:
        path = scans.write_dicom(scan, Path(folder, "scan"), slope, intercept)
        check_run(scan, path, bundle, work, output)


def skewed():
    """Matrices whose columns are not at right angles, flat ones among them."""
    numbers = st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=9, max_size=9)
    matrices = numbers.map(lambda nine: np.array(nine).reshape(3, 3))

    def angle(matrix):
        lengths = np.linalg.norm(matrix, axis=0)
        unit = matrix / np.maximum(lengths, 1e-9)
        return lengths.min() > 0.1 and np.abs(unit.T @ unit - np.eye(3)).max() > 0.02
    flat = st.integers(0, 2).map(lambda axis: np.eye(3)[:, [axis, axis, 2 - axis // 2]])
    return st.one_of(matrices.filter(angle), flat)


@cases(10)
@given(matrix=skewed(), suffix=st.sampled_from([".nrrd", ".mha"]))
def test_sheared_and_singular_directions_are_refused(bundle, work, matrix, suffix):
    scan = scans.plain()
    columns = [" ".join(map(repr, map(float, column))) for column in matrix.T]
    header = {
        ".nrrd": ["NRRD0004", "type: short", "dimension: 3", "space: left-posterior-superior", "sizes: 20 24 6",
                  "space directions: " + " ".join(f"({column.replace(' ', ',')})" for column in columns),
                  "endian: little", "encoding: raw", "", ""],
        ".mha": ["ObjectType = Image", "NDims = 3", "TransformMatrix = " + " ".join(columns), "Offset = 0 0 0",
                 "ElementSpacing = 2 2 5", "DimSize = 20 24 6", "ElementType = MET_SHORT", "ElementDataFile = LOCAL",
                 ""],
    }[suffix]
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, f"scan{suffix}"), Path(folder, "out", "result.nii.gz")
        out.parent.mkdir()
        path.write_bytes("\n".join(header).encode() + scan.hu.tobytes())
        outcome = work(read_segment_write, path, bundle, out)
        check_sentence(outcome.error, path)
        check_ending(outcome, path, out)
        assert "not at right angles" in outcome.error or "spacing" in outcome.error


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 40, 40), (400, 3, 3), (1, 2, 700)])
def test_flat_and_thin_scans_go_through(bundle, work, tmp_path, shape):
    scan = scans.plain(shape)
    path = scans.write(scan, tmp_path / "scan.nii.gz")
    check_run(scan, path, bundle, work, ".seg.nrrd")


def test_a_scan_of_two_thousand_slices_goes_through(bundle, work, tmp_path):
    scan = scans.plain((2000, 16, 16))
    check_run(scan, scans.write(scan, tmp_path / "scan.nii.gz"), bundle, work, ".seg.nrrd")
