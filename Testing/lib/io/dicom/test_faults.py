"""Faults that people reported of their DICOM: read right, as several scans, or refused for the true reason.

Seen through the plan and the reading of each case, as the command goes about a folder.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.batch.plan import make_plan
from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.reading import read_volume

pytest.importorskip("pydicom")
from Testing.lib.io.dicom.series_with_faults import AS_GOOD, GOOD, REFUSED, SEVERAL, STEP_MM, write

SHARED = Path(__file__).parents[5] / "shared" / "faults" / "make_faults.py"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good") / "scan"
    write(folder)
    return folder


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "scan")


def outcomes(folder, capfd):
    """The volumes that the folder's cases give, and the sentences of those that are refused."""
    capfd.readouterr()
    plan, volumes, refusals = make_plan([folder]), [], []
    only = plan.only_scan(folder)
    for case in [only] if only else plan.cases:
        try:
            volumes.append(read_volume(case.source, case.files))
        except InputError as error:
            refusals.append(str(error))
    assert capfd.readouterr() == ("", "")
    return volumes, refusals, plan


@pytest.mark.parametrize("kind", AS_GOOD)
def test_what_is_odd_and_legal_is_read_as_the_good_series(folder, capfd, kind):
    AS_GOOD[kind](folder)
    (volume,), refusals, _ = outcomes(folder, capfd)
    assert not refusals
    np.testing.assert_array_equal(volume.voxels, GOOD)
    assert volume.spacing_mm == (12, 12, STEP_MM) and volume.origin_mm == (0, 0, 0)
    np.testing.assert_array_equal(volume.direction, np.eye(3))


@pytest.mark.parametrize("kind", SEVERAL)
def test_passes_over_the_body_are_scans_of_their_own_and_never_mixed(folder, capfd, kind):
    SEVERAL[kind](folder)
    volumes, refusals, plan = outcomes(folder, capfd)
    assert not refusals and len({case.name for case in plan.cases}) == len(volumes) == 2
    shades = {int(volume.voxels.max()): volume for volume in volumes}
    np.testing.assert_array_equal(shades[100].voxels, GOOD)
    assert set(shades) == {100, 150} and (shades[150].voxels[:, 5, 5] == 150).all()


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_right_is_refused_for_the_true_reason(folder, capfd, kind):
    fault, *words = REFUSED[kind]
    fault(folder)
    volumes, refusals, plan = outcomes(folder, capfd)
    assert not volumes
    said = refusals or plan.left_out_sentences()
    assert len(said) == 1 and all(word in said[0] for word in words), said
    assert "SECRET" not in said[0] and "\n" not in said[0]


@pytest.fixture(scope="module")
def shared_faults(tmp_path_factory):
    if not SHARED.exists():
        pytest.skip("shared/faults is absent")
    sys.path.insert(0, str(SHARED.parent))
    try:
        import make_faults
    finally:
        sys.path.remove(str(SHARED.parent))
    out = tmp_path_factory.mktemp("faults")
    with pytest.warns(UserWarning, match="Invalid value for VR CS"):  # in the made-up media directory
        make_faults.make_dicom_family(out)
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("name", "slices"), [
    ("monochrome1", slice(None)), ("uid_per_slice", slice(20, 40)), ("series_in_three_folders", slice(None)),
    ("japanese_name", slice(None)), ("media_directory_beside", slice(None))])
def test_real_voxels_with_made_up_faults_are_as_good(shared_faults, capfd, name, slices):
    (volume,), refusals, plan = outcomes(shared_faults / name, capfd)
    assert not refusals and plan.left_out == ()
    np.testing.assert_array_equal(volume.voxels, read_volume(shared_faults / "good_dicom").voxels[slices])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "words"), [
    ("no_rescale", "without a usable RescaleSlope and RescaleIntercept"),
    ("no_pixel_spacing", "without a usable PixelSpacing")])
def test_real_voxels_without_what_they_need_are_refused(shared_faults, capfd, name, words):
    volumes, (refusal,), _ = outcomes(shared_faults / name, capfd)
    assert not volumes and words in refusal


@pytest.mark.slow
def test_two_acquisitions_of_real_voxels_are_two_scans(shared_faults, capfd):
    (first, second), refusals, _ = outcomes(shared_faults / "two_acquisitions", capfd)
    good = read_volume(shared_faults / "good_dicom")
    np.testing.assert_array_equal(first.voxels, good.voxels)
    np.testing.assert_array_equal(second.voxels, np.roll(good.voxels, 20, axis=1))
    assert second.origin_mm[2] - first.origin_mm[2] == 2.125 and not refusals
