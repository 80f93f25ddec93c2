"""Damaged copies of labelled scans, in which a model fails as it does in clinics.

Each damage changes a scan and what is true of it: voxels in HU, reference and spacing, with axes (k, j, i) that run
up, backwards and to the left. The same case is always damaged in the same way.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from MISTKDSegmentLib.geometry.canonical_frame import axial_view
from MISTKDSegmentLib.geometry.volume import Volume
from Training.data.prepared import IGNORE
from Training.evaluation.simulated_phases import ARTERIAL, NON_CONTRAST, in_phase

PLAIN = "plain"
FAT_HU, FAT_SD_HU = -100.0, 12.0
TUMOUR_HU, TUMOUR_SD_HU = 35.0, 12.0
ORGANS_AT_ONCE = 3  # of eight, removed or grown over together: some have to stay


class Copy(NamedTuple):
    """A scan with its reference.

    Attributes:
        hu: (k, j, i).
        reference: uint8 of that shape: channels, and `IGNORE`.
        spacing_mm: along k, j and i.
    """

    hu: np.ndarray
    reference: np.ndarray
    spacing_mm: tuple[float, float, float]


Damage = Callable[[Copy, np.random.Generator], Copy]


def damaged(name: str, volume: Volume, reference: np.ndarray, window_hu: tuple[float, float],
            case: str) -> tuple[Volume, np.ndarray]:
    """A damaged copy of a scan, and what is true of it.

    Args:
        name: of the damage, one of `damages()`.
        volume: in HU, any orientation.
        reference: channels and `IGNORE`, of its shape.
        window_hu: of the model, for simulated contrast phases.
        case: decides, with the name, what is left to chance.

    Returns:
        An axial volume, and uint8 of its shape.
    """
    view, truth = axial_view(volume), axial_view(volume.with_voxels(reference)).voxels
    k, j, i = view.spacing_mm[::-1]
    random = np.random.default_rng(zlib.crc32(f"{case} {name}".encode()))
    copy = damages(window_hu)[name](Copy(view.voxels, truth, (k, j, i)), random)
    changed = replace(view, voxels=np.ascontiguousarray(copy.hu), spacing_mm=copy.spacing_mm[::-1])
    return changed, np.ascontiguousarray(copy.reference)


def damages(window_hu: tuple[float, float]) -> Mapping[str, Damage]:
    """All damages by name; the first is none."""
    contrast = {phase: partial(_phase, phase=phase, window_hu=window_hu) for phase in (NON_CONTRAST, ARTERIAL)}
    noisy, noisier = partial(_noise, sd_hu=60.0), partial(_noise, sd_hu=150.0)
    blurred, fuzzy = partial(_blur, mm=3.0), partial(_blur, mm=6.0)
    return {
        PLAIN: lambda copy, random: copy,
        **contrast,
        "noise": noisy,
        "strong noise": noisier,
        "low resolution": blurred,
        "very low resolution": fuzzy,
        "thick slices": partial(_thicken, mm=9.0),
        "very thick slices": partial(_thicken, mm=18.0),
        "few slices": partial(_thin_out, mm=15.0),
        "missing slices": partial(_drop_slices, share=0.2),
        "moving patient": partial(_move, mm=6.0),
        "upper half": partial(_crop, axis=0, start=0.5, stop=1.0),
        "lower half": partial(_crop, axis=0, start=0.0, stop=0.55),
        "right half": partial(_crop, axis=2, start=0.0, stop=0.55),
        "front cut off": partial(_crop, axis=1, start=0.45, stop=1.0),
        "brighter": partial(_shift, hu=60.0),
        "darker": partial(_shift, hu=-60.0),
        "child": partial(_scale, factors=(0.65, 0.65, 0.65)),
        "large body": partial(_scale, factors=(1.2, 1.3, 1.3)),
        "wide body": partial(_scale, factors=(1.0, 0.9, 1.3)),
        "turned": partial(_turn, degrees=25.0),
        "organs removed": _remove_organs,
        "tumours": partial(_grow_tumours, share=0.4),
        "large tumours": partial(_grow_tumours, share=0.75),
        "noise without contrast": _one_after_the_other(contrast[NON_CONTRAST], noisy),
        "thick and noisy": _one_after_the_other(partial(_thicken, mm=9.0), noisier),
        "low resolution without contrast": _one_after_the_other(contrast[NON_CONTRAST], fuzzy),
    }


def _one_after_the_other(*steps: Damage) -> Damage:
    def both(copy: Copy, random: np.random.Generator) -> Copy:
        for step in steps:
            copy = step(copy, random)
        return copy

    return both


def _phase(copy: Copy, random: np.random.Generator, phase: str, window_hu: tuple[float, float]) -> Copy:
    return copy._replace(hu=in_phase(copy.hu, phase, window_hu))


def _noise(copy: Copy, random: np.random.Generator, sd_hu: float) -> Copy:
    hu = copy.hu.astype(np.float32)
    for one in hu:
        one += sd_hu * random.standard_normal(one.shape, np.float32)
    return copy._replace(hu=hu)


def _blur(copy: Copy, random: np.random.Generator, mm: float) -> Copy:
    sigma = (0.0, mm / copy.spacing_mm[1], mm / copy.spacing_mm[2])
    return copy._replace(hu=ndimage.gaussian_filter(copy.hu.astype(np.float32), sigma, truncate=2.5))


def _thicken(copy: Copy, random: np.random.Generator, mm: float) -> Copy:
    """Means of slices; the reference is that of the middle one."""
    number = min(max(1, round(mm / copy.spacing_mm[0])), len(copy.hu))
    count = len(copy.hu) // number
    hu = copy.hu[: count * number].reshape(count, number, *copy.hu.shape[1:]).mean(1, dtype=np.float32)
    return Copy(hu, copy.reference[number // 2 :: number][:count], _spaced(copy, number))


def _thin_out(copy: Copy, random: np.random.Generator, mm: float) -> Copy:
    number = max(1, round(mm / copy.spacing_mm[0]))
    return Copy(copy.hu[::number], copy.reference[::number], _spaced(copy, number))


def _spaced(copy: Copy, number: int) -> tuple[float, float, float]:
    return (copy.spacing_mm[0] * number, *copy.spacing_mm[1:])


def _drop_slices(copy: Copy, random: np.random.Generator, share: float) -> Copy:
    """Without some slices in the middle, and without a word of it."""
    size = len(copy.hu)
    start = int(size * random.uniform(0.3, 0.7 - share))
    kept = np.r_[:start, start + max(1, int(size * share)) : size]
    return copy._replace(hu=copy.hu[kept], reference=copy.reference[kept])


def _move(copy: Copy, random: np.random.Generator, mm: float) -> Copy:
    hu, reference = copy.hu.copy(), copy.reference.copy()
    for k in range(len(hu)):
        way = tuple(round(step / size) for step, size in zip(random.normal(0, mm, 2), copy.spacing_mm[1:]))
        hu[k], reference[k] = np.roll(hu[k], way, (0, 1)), np.roll(reference[k], way, (0, 1))
    return copy._replace(hu=hu, reference=reference)


def _crop(copy: Copy, random: np.random.Generator, axis: int, start: float, stop: float) -> Copy:
    size = copy.hu.shape[axis]
    part = (slice(None),) * axis + (slice(int(start * size), max(int(stop * size), int(start * size) + 1)),)
    return copy._replace(hu=copy.hu[part], reference=copy.reference[part])


def _shift(copy: Copy, random: np.random.Generator, hu: float) -> Copy:
    return copy._replace(hu=copy.hu.astype(np.float32) + np.float32(hu))


def _scale(copy: Copy, random: np.random.Generator, factors: Sequence[float]) -> Copy:
    k, j, i = (mm * factor for mm, factor in zip(copy.spacing_mm, factors))
    return copy._replace(spacing_mm=(k, j, i))


def _turn(copy: Copy, random: np.random.Generator, degrees: float) -> Copy:
    def turned(values: np.ndarray, order: int, outside: float) -> np.ndarray:
        return ndimage.rotate(values, degrees, (2, 1), reshape=False, order=order, cval=outside)

    return copy._replace(hu=turned(copy.hu.astype(np.float32), 1, float(copy.hu.min())),
                         reference=turned(copy.reference, 0, 0))


def _remove_organs(copy: Copy, random: np.random.Generator) -> Copy:
    """Fat where some organs were: nothing is there to be found."""
    hu, reference = copy.hu.astype(np.float32), copy.reference.copy()
    for channel in _some_organs(reference, random):
        organ = ndimage.binary_dilation(reference == channel, iterations=2)
        hu[organ] = random.normal(FAT_HU, FAT_SD_HU, int(organ.sum()))
        reference[reference == channel] = 0
    return copy._replace(hu=hu, reference=reference)


def _grow_tumours(copy: Copy, random: np.random.Generator, share: float) -> Copy:
    """A ball around one of an organ's voxels, of a share of its volume, with the grey values of a tumour."""
    hu = copy.hu.astype(np.float32)
    for channel in _some_organs(copy.reference, random):
        places = np.argwhere(copy.reference == channel)
        centre = places[random.integers(len(places))]
        distance = (((places - centre) * copy.spacing_mm) ** 2).sum(1)
        ball = tuple(places[np.argsort(distance)[: int(share * len(places))]].T)
        hu[ball] = random.normal(TUMOUR_HU, TUMOUR_SD_HU, len(ball[0]))
    return copy._replace(hu=hu)


def _some_organs(reference: np.ndarray, random: np.random.Generator) -> np.ndarray:
    channels = np.setdiff1d(np.unique(reference), (0, IGNORE))
    return random.permutation(channels)[:ORGANS_AT_ONCE]
