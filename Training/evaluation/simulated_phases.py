"""Contrast phases that labelled scans lack, simulated: without contrast medium, and arterial.

Scans of the portal venous phase are changed as augmentation changes views, always in the same way. A simulated phase
is no scan of that phase: it shows what a model makes of the grey values, and not of what else differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from MISTKDSegmentLib.geometry.volume import Volume
from Training.data.augment import brighten_vessels, change_phase
from Training.data.scans import Scan
from Training.evaluation.scores import CaseScores, summarise_protocol
from Training.system.markdown import table
from Training.system.words import spaced

PLAIN, NON_CONTRAST, ARTERIAL = "plain", "non-contrast", "arterial"
PHASES = (NON_CONTRAST, ARTERIAL)
# Water: below it, there is nothing that contrast medium enhances.
WATER_HU = 0.0
# Of `change_phase`, all the way from portal venous to none: 110 HU (liver) become 31, 150 (aorta) 38, 180 (kidney) 58.
NO_CONTRAST_CHANGE = -3.0
# Of `brighten_vessels`, all the way to the window's end: 150 HU become 210, 180 become 268, 110 stay.
ARTERIAL_STRENGTH = 1.0


def in_phase(voxels_hu: np.ndarray, phase: str, window_hu: tuple[float, float]) -> np.ndarray:
    """A scan as it might look in another contrast phase.

    Args:
        voxels_hu: (k, j, i) in HU, of the portal venous phase.
        phase: one of `PHASES`.
        window_hu: of the model; HU outside stay as they are.

    Returns:
        The voxels in their shape and type.
    """
    low, high = window_hu
    changed = np.empty_like(voxels_hu)
    for one, other in zip(voxels_hu, changed):
        pixels = torch.from_numpy((one.astype(np.float32) - low) / (high - low))
        if phase == NON_CONTRAST:
            seen = change_phase(pixels, torch.tensor(NO_CONTRAST_CHANGE), (WATER_HU - low) / (high - low))
        else:
            seen = brighten_vessels(pixels, torch.tensor(ARTERIAL_STRENGTH))
        hu = seen.numpy() * (high - low) + low
        inside = (one > low) & (one < high)
        other[:] = np.where(inside, np.rint(hu) if np.issubdtype(one.dtype, np.integer) else hu, one)
    return changed


@dataclass(frozen=True, kw_only=True)
class PhaseScan(Scan):
    """A scan that is read in a simulated contrast phase."""

    scan: Scan
    phase: str
    window_hu: tuple[float, float]

    def check(self) -> None:
        self.scan.check()

    def read_volume(self) -> Volume:
        volume = self.scan.read_volume()
        return replace(volume, voxels=in_phase(volume.voxels, self.phase, self.window_hu))

    def read_reference(self, volume: Volume) -> np.ndarray:
        return self.scan.read_reference(volume)


def scans_in(phase: str, scans: Sequence[Scan], window_hu: tuple[float, float]) -> list[Scan]:
    """The same scans in a simulated phase."""
    return [PhaseScan(name=scan.name, image=scan.image, files=scan.files, annotated=scan.annotated,
                      is_test=scan.is_test, scan=scan, phase=phase, window_hu=window_hu) for scan in scans]


def phase_dice(results: Mapping[str, Sequence[CaseScores]]) -> dict[str, dict[str, float]]:
    """Dice of each organ, and under "mean" of all, by phase (`millimetre` protocol)."""
    found = {}
    for phase, scores in results.items():
        summary = summarise_protocol(scores, "millimetre")
        found[phase] = {**{organ: values["dice"] for organ, values in summary["organs"].items()},
                        "mean": summary["mean"]["dice"]}
    return found


def phase_table(dice: Mapping[str, Mapping[str, float]]) -> str:
    """Organs by phases, as Markdown."""
    rows = [[spaced(organ), *(_cell(by_organ[organ]) for by_organ in dice.values())]
            for organ in next(iter(dice.values()))]
    return table(["organ", *dice], rows)


def _cell(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
