"""What is done to the HU of scans: what a scanner and its users may do, and what makes something else of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from Testing.lib.made_up_abdomen import outside_circle

Change = Callable[[np.ndarray], np.ndarray]
FILLS = (0, 100, -1000, -1024, -2000, -3024, 3071, 32767)
STORED, TWICE = "values as stored, 1000 or 1024 too high", "subtracted twice"


def noisy(hu: np.ndarray, deviation: float) -> np.ndarray:
    return hu + np.random.default_rng(0).normal(0, deviation, hu.shape).astype(np.float32)


def filled(hu: np.ndarray, value: float) -> np.ndarray:
    """With a value where a round field of view ends."""
    return np.where(outside_circle(hu.shape), np.float32(value), hu)


def metal(hu: np.ndarray) -> np.ndarray:
    """A ball of 30,000 HU, and streaks of some hundreds through its slices."""
    voxels, random = hu.copy(), np.random.default_rng(0)
    k, j, i = (size // 2 for size in hu.shape)
    voxels[k - 5 : k + 5, j - 10 : j + 10] += random.normal(0, 300, voxels[k - 5 : k + 5, j - 10 : j + 10].shape)
    voxels[k - 3 : k + 3, j : j + 6, i - 20 : i - 14] = 30_000
    return voxels


def bowel_contrast(hu: np.ndarray) -> np.ndarray:
    voxels = hu.copy()
    k, j, i = (size // 2 for size in hu.shape)
    part = voxels[k - 5 : k + 5, j - 12 : j - 5, i - 6 : i + 6]  # 80 mL
    part[...] = np.random.default_rng(0).normal(600, 60, part.shape)
    return voxels


def at_40_kev(hu: np.ndarray) -> np.ndarray:
    """A monoenergetic image of a dual-energy scan: iodine three times as bright, fat darker."""
    return np.where(hu > 60, 60 + 3 * (hu - 60), np.where((hu < -30) & (hu > -200), 1.7 * hu, hu))


def streaky(hu: np.ndarray) -> np.ndarray:
    voxels, random = hu + 1000, np.random.default_rng(0)
    where = random.random(voxels.shape) < 0.002
    voxels[where] = -100 - random.integers(0, 400, where.sum())
    return voxels


def eight_bits(hu: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint((hu.clip(low, high) - low) / (high - low) * 255)


GOOD: dict[str, Change] = {
    "as it is": lambda hu: hu,
    "clipped as by many scanners": lambda hu: hu.clip(-1024, 3071),
    "clipped to a soft-tissue window": lambda hu: hu.clip(-160, 240),
    "clipped to the window of the network": lambda hu: hu.clip(-125, 275),
    "low dose": lambda hu: noisy(hu, 60),
    "a sharp kernel": lambda hu: noisy(hu, 150).clip(-1024),
    "metal": metal,
    "contrast medium in the bowel": bowel_contrast,
    "40 keV": at_40_kev,
    "masked": lambda hu: np.where(hu < -300, -1024, hu),
    "the chest": lambda hu: hu[4 * len(hu) // 5 :],
    "the pelvis": lambda hu: hu[: len(hu) // 5],
    "one slice": lambda hu: hu[len(hu) // 2 : len(hu) // 2 + 1],
    "a crop": lambda hu: hu[len(hu) // 5 : -len(hu) // 5, 10:-20, 10:-30],
    **{f"filled with {value}": lambda hu, value=value: filled(hu, value) for value in FILLS},
}

# And what the sentence says that they are.
WRONG: dict[str, tuple[Change, str]] = {
    "stored values": (lambda hu: hu + 1024, STORED),
    "stored values with padding": (lambda hu: filled(hu + 1024, -2000), STORED),
    "1000 too high with streaks": (streaky, STORED),
    "stored values of a crop": (lambda hu: hu[len(hu) // 5 : -len(hu) // 5, 15:-15, 25:-25] + 1024, STORED),
    "intercept twice": (lambda hu: hu - 1024, TWICE),
    "intercept twice, clipped": (lambda hu: (hu - 1024).clip(-1024), TWICE),
    "upside down": (lambda hu: -hu, "upside down"),
    "scaled to 0 to 1": (lambda hu: (hu + 1024) / 4095, "scaled to 0 to 1"),
    "scaled to -1 to 1": (lambda hu: hu.clip(-1000, 1000) / 1000, "scaled to 0 to 1, to -1 to 1"),
    "unit variance": (lambda hu: (hu - hu.mean()) / hu.std(), "unit variance"),
    "percent": (lambda hu: eight_bits(hu, -125, 275) / 2.55, "normalised"),
    "8 bits": (lambda hu: eight_bits(hu, -160, 240), "8 bits"),
    "8 bits with sign": (lambda hu: eight_bits(hu, -125, 275) - 128, "8 bits"),
    "8 bits with padding": (lambda hu: filled(eight_bits(hu, -125, 275), -1000), "8 bits"),
    "16 bits": (lambda hu: eight_bits(hu, -1024, 3071) * 257, "hardly any lie below -50"),
    "numbers without sign": (lambda hu: hu % 65536, "numbers without sign"),
    "cut off at 0": (lambda hu: hu.clip(0), "cut off at 0"),
    "slope of 4": (lambda hu: hu * 4, "slope is wrong"),
    "slope of 1/2": (lambda hu: hu / 2, "slope or intercept are probably wrong"),
    "swapped bytes": (lambda hu: hu.astype(np.int16).byteswap().astype(np.float32), "wrong"),
    "a lung window": (lambda hu: hu.clip(-1350, 100), "window was applied"),
    "a liver window": (lambda hu: hu.clip(-60, 190), "in which fat is lost"),
    "a brain window": (lambda hu: hu.clip(0, 80), "narrow window"),
}
