"""What the voxels themselves say: whether they are HU, and as large as a body.

Headers are wrong, voxels are not: the rescaling may be missing or done twice, a window may have been applied, lengths
may be in cm. Every scan passes here, from whichever file, series or Slicer node. The limits were chosen on the scans
that `Resources/Documentation/trust.md` lists; none of those comes near.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Optional, Union

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.canonical_frame import axial_view
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.body import check_body_size, find_body
from MISTKDSegmentLib.inference.no_data import fill_values, sample_of

# HU of air and lung, and of fat, soft tissue and most contrast medium, each with noise; bone lies above.
_AIR_HU, _TISSUE_HU = (-1300.0, -400.0), (-250.0, 350.0)
# Where tissue lies when the intercept is missing, and air when HU are upside down.
_RAW_TISSUE, _UPSIDE_DOWN_AIR = (774.0, 1374.0), (650.0, 1150.0)
_MIN_TISSUE, _MIN_PLAUSIBLE, _MIN_FAT_OR_AIR = 0.06, 0.6, 0.001
_MAX_BELOW_AIR, _MAX_BETWEEN = 0.03, 0.33
_MIN_RAW, _MIN_RAW_OF_DENSE, _MIN_RAW_TO_AIR = 0.02, 0.6, 4.0
_AIR_PEAK_HU = (-1150.0, -650.0)
_MIN_RANGE_HU, _LOWEST_TOP_HU, _HIGHEST_BOTTOM_HU = 200.0, 160.0, -80.0
_COARSE_BODY_MM, _CELLS_ACROSS, _MOST_SLICES = 8.0, 64, 250
_FEWEST_VOXELS = 4096  # one slice of 64 x 64; shares of fewer say nothing

_ORIGINAL = "choose the CT as the scanner made it"
_RESCALE = "export it again with its rescale slope and intercept applied once"


def check_scan(name: Union[Path, str], volume: Volume) -> None:
    """Refuse what is no CT in HU of a body.

    Args:
        name: of the scan, for messages.
        volume: in any orientation.

    Raises:
        InputError: no voxels, no numbers, values that are no HU, or a body of impossible size.
    """
    check_hu(name, volume.voxels)
    view = _some_slices(axial_view(volume))
    # In another unit than mm, a grid of 8 mm would be too coarse for the body.
    extent_mm = max(size * mm for size, mm in zip(view.voxels.shape[1:], view.spacing_mm[1::-1]))
    check_body_size(name, view, find_body(view, min(_COARSE_BODY_MM, extent_mm / _CELLS_ACROSS)))


def _some_slices(view: Volume) -> Volume:
    """Every n-th slice of a long scan: where its rows are short, the grid would else be as large as the scan."""
    step = -(-len(view.voxels) // _MOST_SLICES)
    x_mm, y_mm, z_mm = view.spacing_mm
    return replace(view, voxels=view.voxels[::step], spacing_mm=(x_mm, y_mm, z_mm * step))


def check_hu(name: Union[Path, str], voxels: np.ndarray) -> None:
    """Refuse voxels that are not those of a CT in HU, with what they probably are.

    Args:
        name: of the scan, for messages.
        voxels: (k, j, i).

    Raises:
        InputError: no voxels, no numbers, or values that no CT has.
    """
    low, high = _range(name, voxels)
    cause = _why_no_hu(_Values.of(voxels))
    if cause is not None:
        raise InputError(f"{name} is no CT in HU (values from {low:g} to {high:g}): {cause}.")


def _range(name: Union[Path, str], voxels: np.ndarray) -> tuple[float, float]:
    if voxels.size == 0:
        raise InputError(f"{name} has no voxels; export it again.")
    low, high = float(voxels.min()), float(voxels.max())
    if not np.isfinite([low, high]).all():  # NaN spreads to both
        raise not_numbers(name, int((~np.isfinite(voxels)).sum()))
    if low == high:
        raise InputError(f"{name} is empty: every voxel is {low:g}; choose another scan.")
    return low, high


def not_numbers(path: Union[Path, str], voxels: int) -> InputError:
    """The error for voxels that are NaN or infinite."""
    return InputError(f"{path} has {voxels:,} voxels that are not numbers (NaN or infinite); replace them by "
                      "-1024 HU (air) or export the scan again.")


@dataclass(frozen=True)
class _Values:
    """Some of a scan's voxels, without those that fill regions where nothing was measured."""

    values: np.ndarray
    fills: tuple[float, ...]

    @classmethod
    def of(cls, voxels: np.ndarray) -> _Values:
        sample = sample_of(voxels)
        fills = fill_values(sample)
        values = sample[~np.isin(sample, fills)] if fills else sample.ravel()
        values = values if values.size >= 0.02 * sample.size else sample.ravel()
        return cls(_without_lowest(values.astype(np.float32)), fills)

    def share(self, low: float, high: float = np.inf) -> float:
        """Of the voxels, those from `low` to `high`."""
        return float(np.count_nonzero((self.values >= low) & (self.values <= high))) / max(1, self.values.size)

    @cached_property
    def low(self) -> float:
        return float(self.values.min())

    @cached_property
    def high(self) -> float:
        return float(self.values.max())

    @cached_property
    def air_peak(self) -> Optional[float]:
        """The most frequent HU below tissue, to 50 HU; None where there is hardly any air."""
        air = self.values[self.values < _AIR_HU[1]]
        if air.size < 0.05 * self.values.size:
            return None
        bins = np.bincount(((_AIR_HU[1] - air) // 50).astype(np.int64).clip(0, 10_000))
        return _AIR_HU[1] - 50.0 * int(bins.argmax()) - 25.0

    @cached_property
    def is_clipped_above(self) -> bool:
        # Right below the highest value of a made-up picture there is nothing.
        share = self.share(self.high)
        return share >= 0.003 and self.share(self.high - 30) - share >= 0.001

    @cached_property
    def clipped_below(self) -> Optional[float]:
        """The lowest value of all, where many voxels have it; None where it is no end of a window."""
        lowest = min((self.low, *self.fills))
        return lowest if lowest in self.fills or self.share(lowest, lowest) >= 0.01 else None


def _without_lowest(values: np.ndarray) -> np.ndarray:
    """Without what fills corners that lie behind another filling, such as -3024 beside -1024."""
    lowest = values.min()
    share = np.count_nonzero(values == lowest) / values.size
    return values[values > lowest] if lowest < -1100 and 0.005 <= share < 0.98 else values


def _why_no_hu(v: _Values) -> Optional[str]:
    """What the values probably are, and what to do; None where they may be HU."""
    causes = [_why_scaled, _why_too_high, _why_one_sided, _why_off, _why_windowed]
    if v.values.size < _FEWEST_VOXELS:
        causes = [_why_scaled, _why_one_sided]
    return next((found for cause in causes if (found := cause(v)) is not None), None)


def _why_scaled(v: _Values) -> Optional[str]:
    if v.high - v.low <= 4.0:
        return f"they were probably scaled to 0 to 1, to -1 to 1 or to unit variance; {_ORIGINAL}"
    if v.high - v.low < _MIN_RANGE_HU:
        return f"they were probably normalised, or cut to a narrow window; {_ORIGINAL}"
    with_sign = min((v.low, *v.fills)) == -128 and v.high <= 127
    if (v.low >= 0 and v.high <= 255) or with_sign:
        return f"they have 8 bits, so that a window was already applied, or it is a picture; {_ORIGINAL}"
    return None


def _why_too_high(v: _Values) -> Optional[str]:
    least = max(_MIN_RAW, _MIN_RAW_OF_DENSE * v.share(_TISSUE_HU[1]), _MIN_RAW_TO_AIR * v.share(-np.inf, _AIR_HU[1]))
    for place, what in ((_RAW_TISSUE, "values as stored, 1000 or 1024 too high, or upside down"),
                        (_UPSIDE_DOWN_AIR, "upside down (MONOCHROME1), or 1000 or 1024 too high")):
        share = v.share(*place)
        if share > least:
            return f"{share:.0%} of them lie where no tissue does, so that they are probably {what}; {_RESCALE}"
    return None


def _why_one_sided(v: _Values) -> Optional[str]:
    if v.share(-np.inf, -50.0) < _MIN_FAT_OR_AIR:
        stored = "numbers without sign, " if v.high > 32767 else ""
        return ("hardly any lie below -50, where fat and air do, so that they are perhaps MR, cut off at 0, "
                f"{stored}or stored values without rescale intercept; {_ORIGINAL}, or {_RESCALE}")
    if v.share(*_TISSUE_HU) < _MIN_TISSUE and v.share(-np.inf, _AIR_HU[1]) > 0.5:
        return ("they show nothing but air, or an intercept was subtracted twice; choose a scan of the abdomen, or "
                f"{_RESCALE}")
    return None


def _why_off(v: _Values) -> Optional[str]:
    below_air = v.share(-np.inf, _AIR_HU[0])
    if below_air > _MAX_BELOW_AIR:
        return (f"{below_air:.0%} of them lie below air, so that the intercept was probably subtracted twice, the "
                f"slope is wrong or they are upside down; {_RESCALE}")
    if v.air_peak is not None and not _AIR_PEAK_HU[0] <= v.air_peak <= _AIR_PEAK_HU[1]:
        return f"air lies near {v.air_peak:.0f}, so that slope or intercept are probably wrong; {_RESCALE}"
    if v.share(-650.0, -200.0) > _MAX_BETWEEN or v.share(*_TISSUE_HU) + v.share(*_AIR_HU) < _MIN_PLAUSIBLE:
        return f"too few lie where tissue and air do, so that slope or intercept are probably wrong; {_RESCALE}"
    return None


def _why_windowed(v: _Values) -> Optional[str]:
    if v.is_clipped_above and v.high <= _LOWEST_TOP_HU:
        return (f"all above {v.high:g} was cut off, so that a window was applied in which organs with contrast medium "
                f"look alike; {_ORIGINAL}")
    low = v.clipped_below
    if low is not None and low > _HIGHEST_BOTTOM_HU:
        return f"all below {low:g} was cut off, so that a window was applied in which fat is lost; {_ORIGINAL}"
    return None
