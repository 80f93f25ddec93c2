"""Volume files with faults that people reported of other tools: made from the phantom, and from real scans.

Each is refused for the true reason, as good as the scan without the fault, or doubted. DICOM: `test_dicom_faults`.
"""

from __future__ import annotations

import gzip
import importlib.util
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib import segment
from MISTKDSegmentLib.api.steps import segment_volume
from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.sitk_image import to_image
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from Testing.lib.kinds_of_values import filled, streaky
from Testing.lib.made_up_abdomen import phantom

FAULTS = Path(__file__).parents[3] / "shared" / "faults" / "make_faults.py"
# Every third or fourth slice of the network is enough to compare.
QUICK = SegmentOptions(threads=1, slice_step_mm=12.0)

REFUSED = {
    "nifti_no_forms.nii.gz": "does not say how its voxels lie in the patient (qform and sform code are 0)",
    "nrrd_no_space.nrrd": "does not say how its voxels lie in the patient (the header has no space)",
    "nrrd_in_cm.nrrd": "gives its lengths in cm",
    "raw_values_padded.nii.gz": "values as stored, 1000 or 1024 too high",
    "shifted_1000_with_streaks.nii.gz": "values as stored, 1000 or 1024 too high",
    "qform_mirrored.nii.gz": "contradicts itself: its qform and its sform lie",
    "gzip_named.nii": "compressed with gzip, which its name does not say; rename it to gzip_named.nii.gz",
}
REMEDIED = {"nifti_no_forms.nii.gz": "LPS", "nrrd_no_space.nrrd": "LPS", "qform_mirrored.nii.gz": "LPS"}


def write(path: Path, hu: np.ndarray, **header: tuple) -> None:
    """The phantom with other values, as NIfTI with numbers in other places of its header."""
    offsets = {"codes": (252, "2h"), "quaternion": (256, "3f"), "scale": (112, "2f")}
    image = sitk.Cast(to_image(replace(phantom()[0], voxels=np.rint(hu))), sitk.sitkInt16)
    plain = path.with_name("plain.nii")
    sitk.WriteImage(image, str(plain))
    data = bytearray(plain.read_bytes())
    plain.unlink()
    for name, values in header.items():
        struct.pack_into("<" + offsets[name][1], data, offsets[name][0], *values)
    path.write_bytes(gzip.compress(data, 1))


def made_up(folder: Path) -> Path:
    """The same faults as in shared/faults, in the phantom."""
    hu = phantom()[0].voxels.astype(np.float32)
    write(folder / "good_nifti.nii.gz", hu)
    write(folder / "nifti_no_forms.nii.gz", hu, codes=(0, 0))
    write(folder / "nifti_slope_zero.nii.gz", hu, scale=(0.0, -1024.0))
    write(folder / "qform_mirrored.nii.gz", hu, codes=(1, 2), quaternion=(1.0, 0.0, 0.0))
    write(folder / "raw_values_padded.nii.gz", filled((hu + 1024).clip(0, 4095), -2000))
    write(folder / "shifted_1000_with_streaks.nii.gz", streaky(hu))
    write(folder / "filled_with_0_outside.nii.gz", filled(hu, 0))
    write(folder / "voxels_front_to_back.nii.gz", hu[:, ::-1])
    write(folder / "gzip_named.nii", hu)
    sitk.WriteImage(to_image(phantom()[0]), str(folder / "good.nrrd"))
    text, voxels = (folder / "good.nrrd").read_bytes().split(b"\n\n", 1)
    units = text.replace(b"sizes: ", b'space units: "cm" "cm" "cm"\nsizes: ')
    (folder / "nrrd_in_cm.nrrd").write_bytes(units + b"\n\n" + voxels)
    plain = [line for line in text.split(b"\n") if not line.startswith(b"space")]
    (folder / "nrrd_no_space.nrrd").write_bytes(b"\n".join([*plain, b"spacings: 4 4 6"]) + b"\n\n" + voxels)
    return folder


def real(folder: Path) -> Path:
    pytest.importorskip("nibabel")
    spec = importlib.util.spec_from_file_location("make_faults", FAULTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make_nifti_family(folder)
    return folder


@pytest.fixture(scope="module", params=[
    pytest.param(made_up, id="made up"),
    pytest.param(real, id="real", marks=pytest.mark.skipif(not FAULTS.exists(), reason="shared/faults is absent"))])
def folder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def model():
    return load_bundle(default_bundle_folder())


@pytest.fixture(scope="module")
def good(folder, model):
    return segment(folder / "good_nifti.nii.gz", model=model, options=QUICK)


def check_as_good(result, good):
    for row in good.table:
        one, other = result.labels == row.label, good.labels == row.label
        assert 2 * (one & other).sum() >= 0.95 * (one.sum() + other.sum()), row.organ


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_right_is_refused_for_the_true_reason(folder, name, capfd):
    with pytest.raises(InputError) as caught:
        read_volume(folder / name)
    assert REFUSED[name] in str(caught.value) and str(folder / name) in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", REMEDIED)
def test_what_the_user_states_makes_it_right(folder, name):
    good = read_volume(folder / "good_nifti.nii.gz")
    axes = "".join({(0, 1): "L", (0, -1): "R", (1, 1): "P", (1, -1): "A", (2, 1): "S", (2, -1): "I"}
                   [int(np.abs(column).argmax()), int(np.sign(column[np.abs(column).argmax()]))]
                   for column in good.direction.T)
    stated = read_volume(folder / name, orientation=axes)
    np.testing.assert_array_equal(stated.voxels, good.voxels)
    np.testing.assert_allclose(stated.direction, good.direction, atol=1e-6)


def test_a_good_scan_is_not_doubted(good):
    assert good.doubts == ()


def test_a_slope_of_zero_scales_nothing(folder):
    np.testing.assert_array_equal(read_volume(folder / "nifti_slope_zero.nii.gz").voxels,
                                  read_volume(folder / "good_nifti.nii.gz").voxels)


def test_a_region_filled_with_0_outside_is_as_good(folder, model, good):
    result = segment(folder / "filled_with_0_outside.nii.gz", model=model, options=QUICK)
    check_as_good(result, good)
    assert result.doubts == ("Regions of exactly 0 HU at the border hold no data; they were taken for air.",)


def test_voxels_from_front_to_back_are_doubted(folder, model):
    result = segment(folder / "voxels_front_to_back.nii.gz", model=model, options=QUICK)
    assert "the spine lies in front" in result.doubts[0]


@pytest.mark.parametrize("axis, seen", [(2, "the liver lies on the left"), (0, "below the kidneys")])
def test_a_patient_who_is_mirrored_or_upside_down_is_doubted(folder, model, axis, seen):
    volume = read_volume(folder / "good_nifti.nii.gz")
    # Along the patient's axes, however the file stores them.
    numpy_axis = 2 - int(np.abs(volume.direction[2 - axis]).argmax())
    flipped = volume.with_voxels(np.ascontiguousarray(np.flip(volume.voxels, numpy_axis)))
    assert seen in " ".join(segment_volume(flipped, model, QUICK).doubts)
