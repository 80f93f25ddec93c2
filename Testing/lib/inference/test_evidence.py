"""HU are told from what is none, with what it probably is; a body from what has another size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.inference.evidence import check_hu, check_scan
from MISTKDSegmentLib.io.reading import read_volume
from Testing.lib.made_up_abdomen import outside_circle, phantom

SHARED = Path(__file__).parents[4] / "shared" / "ct"


def hu():
    return phantom()[0].voxels.astype(np.float32)


def noisy(deviation):
    return hu() + np.random.default_rng(0).normal(0, deviation, hu().shape)


def filled(value):
    return np.where(outside_circle(hu().shape), value, hu())


def metal():
    """A hip: a ball of 30,000 HU, streaks of some hundreds through its slices."""
    voxels, random = hu(), np.random.default_rng(0)
    voxels[10:20, 30:50] += random.normal(0, 300, (10, 20, voxels.shape[2]))
    voxels[12:18, 36:42, 30:36] = 30_000
    return voxels


def bowel_contrast():
    voxels = hu()
    voxels[10:30, 20:30, 40:60] = np.random.default_rng(0).normal(600, 60, (20, 10, 20))
    return voxels


def at_40_kev():
    voxels = hu()
    fat = (voxels < -30) & (voxels > -200)
    return np.where(voxels > 60, 60 + 3 * (voxels - 60), np.where(fat, 1.7 * voxels, voxels))


GOOD = {
    "as it is": hu,
    "clipped as by many scanners": lambda: hu().clip(-1024, 3071),
    "clipped to a soft-tissue window": lambda: hu().clip(-160, 240),
    "clipped to the window of the network": lambda: hu().clip(-125, 275),
    "low dose": lambda: noisy(60),
    "a sharp kernel": lambda: noisy(150).clip(-1024),
    "metal": metal,
    "contrast medium in the bowel": bowel_contrast,
    "40 keV": at_40_kev,
    "masked": lambda: np.where(hu() < -300, -1024, hu()),
    "the chest": lambda: hu()[40:],
    "the pelvis": lambda: hu()[:10],
    "one slice": lambda: hu()[25:26],
    "a crop": lambda: hu()[10:40, 10:50, 10:60],
    **{f"filled with {value}": lambda value=value: filled(value)
       for value in (0, 100, -1000, -1024, -2000, -3024, 3071, 32767)},
}


@pytest.mark.parametrize("kind", GOOD)
def test_hu_pass(kind):
    check_hu("scan", GOOD[kind]())


def streaky():
    voxels, random = hu() + 1000, np.random.default_rng(0)
    where = random.random(voxels.shape) < 0.002
    voxels[where] = -100 - random.integers(0, 400, where.sum())
    return voxels


def eight_bits(low, high):
    return np.rint((hu().clip(low, high) - low) / (high - low) * 255)


STORED, TWICE = "values as stored, 1000 or 1024 too high", "subtracted twice"
WRONG = {
    "stored values": (lambda: hu() + 1024, STORED),
    "stored values with padding": (lambda: np.where(outside_circle(hu().shape), -2000, hu() + 1024), STORED),
    "1000 too high with streaks": (streaky, STORED),
    "stored values of a crop": (lambda: hu()[10:40, 15:55, 25:70] + 1024, STORED),
    "intercept twice": (lambda: hu() - 1024, TWICE),
    "intercept twice, clipped": (lambda: (hu() - 1024).clip(-1024), TWICE),
    "upside down": (lambda: -hu(), "upside down"),
    "scaled to 0 to 1": (lambda: (hu() + 1024) / 4095, "scaled to 0 to 1"),
    "scaled to -1 to 1": (lambda: hu().clip(-1000, 1000) / 1000, "scaled to 0 to 1, to -1 to 1"),
    "unit variance": (lambda: (hu() - hu().mean()) / hu().std(), "unit variance"),
    "percent": (lambda: eight_bits(-125, 275) / 2.55, "normalised"),
    "8 bits": (lambda: eight_bits(-160, 240), "8 bits"),
    "8 bits with sign": (lambda: eight_bits(-125, 275) - 128, "8 bits"),
    "8 bits with padding": (lambda: np.where(outside_circle(hu().shape), -1000, eight_bits(-125, 275)), "8 bits"),
    "16 bits": (lambda: eight_bits(-1024, 3071) * 257, "hardly any lie below -50"),
    "numbers without sign": (lambda: hu() % 65536, "numbers without sign"),
    "cut off at 0": (lambda: hu().clip(0), "cut off at 0"),
    "slope of 4": (lambda: hu() * 4, "slope is wrong"),
    "slope of 1/2": (lambda: hu() / 2, "slope or intercept are probably wrong"),
    "swapped bytes": (lambda: hu().astype(np.int16).byteswap(), "wrong"),
    "a lung window": (lambda: hu().clip(-1350, 100), "window was applied"),
    "a liver window": (lambda: hu().clip(-60, 190), "in which fat is lost"),
    "a brain window": (lambda: hu().clip(0, 80), "narrow window"),
    "air alone": (lambda: hu()[40:, 30:40, 30:40] * 0 - 900 + noisy(30)[40:, 30:40, 30:40] % 50, "normalised"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_hu_is_refused_with_what_it_probably_is_and_what_to_do(kind):
    make, reason = WRONG[kind]
    voxels = make()
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
        check_hu("scan", make().transpose(axes))


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
