"""HU are told from what is none, with what it probably is; a body from what has another size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.inference.hu_checks import check_hu, check_scan
from MISTKDSegmentLib.io.reading import read_volume
from Testing.lib.kinds_of_values import GOOD, STORED, TWICE, WRONG
from Testing.lib.made_up_abdomen import outside_circle, phantom

SHARED = Path(__file__).parents[4] / "shared" / "ct"


def hu():
    return phantom()[0].voxels.astype(np.float32)


@pytest.mark.parametrize("kind", GOOD)
def test_hu_pass(kind):
    check_hu("scan", GOOD[kind](hu()))


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_hu_is_refused_with_what_it_probably_is_and_what_to_do(kind):
    make, reason = WRONG[kind]
    voxels = make(hu())
    with pytest.raises(InputError) as caught:
        check_hu("scan.nii", voxels)
    sentence = str(caught.value)
    assert sentence.startswith(f"scan.nii is no CT in HU (values from {voxels.min():g} to {voxels.max():g}): ")
    assert reason in sentence and sentence.endswith(".") and "\n" not in sentence
    assert "choose the CT as the scanner made it" in sentence or "export it again with its rescale slope" in sentence


def test_filling_does_not_hide_what_lies_inside():
    for value in (0, -1000, -3024, 32767):
        with pytest.raises(InputError, match=STORED):
            check_hu("scan", np.where(outside_circle(hu().shape), value, hu() + 1024))


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("kind", ["stored values", "intercept twice", "8 bits with padding"])
def test_the_order_of_axes_does_not_matter(kind, axes):
    check_hu("scan", hu().transpose(axes))
    make, reason = WRONG[kind]
    with pytest.raises(InputError, match=reason):
        check_hu("scan", make(hu()).transpose(axes))


def test_a_few_voxels_are_refused_for_their_range_alone():
    values = np.linspace(-1000, 900, 120).reshape(4, 5, 6)
    check_hu("scan", values)
    with pytest.raises(InputError, match="hardly any lie below -50"):
        check_hu("scan", values + 1024)


@pytest.mark.parametrize("factor, reason", [(0.1, "smaller than a newborn's"), (1 / 25.4, "smaller than a newborn's"),
                                            (10.0, "larger than anybody's")])
def test_a_body_of_another_unit_is_refused(factor, reason):
    # Fine enough to be no thumbnail.
    volume = replace(phantom()[0], voxels=phantom()[0].voxels.repeat(2, 2), spacing_mm=(2.0, 4.0, 6.0))
    check_scan("scan", volume)
    scaled = replace(volume, spacing_mm=tuple(mm * factor for mm in volume.spacing_mm))
    with pytest.raises(InputError, match=reason):
        check_scan("scan", scaled)


def test_a_crop_says_nothing_of_the_size_of_the_body():
    volume = phantom()[0]
    check_scan("scan", replace(volume, voxels=volume.voxels[10:30, 25:50, 30:70], spacing_mm=(0.5, 0.5, 1.0)))


@pytest.mark.skipif(not SHARED.exists(), reason="shared/ct is absent")
@pytest.mark.parametrize("name", ["totalseg_example_ct.nii.gz", "totalseg_example_ct_sm.nii.gz",
                                  "acrin_flt_breast_001"])
def test_real_scans_pass_and_their_stored_values_do_not(name):
    volume = read_volume(SHARED / name)
    with pytest.raises(InputError, match=STORED):
        check_scan(name, replace(volume, voxels=volume.voxels.clip(-1024) + 1024))
    with pytest.raises(InputError, match=TWICE):
        check_scan(name, replace(volume, voxels=volume.voxels.clip(-1024) - 1024))
