"""What a person decides about one segmentation, in the one form that everybody passes on to the runner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from MISTKDSegmentLib.errors import OptionError
from MISTKDSegmentLib.geometry.axes import parse_axes

if TYPE_CHECKING:  # it brings numpy, which `--help` does without
    from MISTKDSegmentLib.geometry.region import Region


@dataclass(frozen=True)
class SegmentOptions:
    """How a scan is segmented. Panel, command line, child process, batch, evaluation and API all pass this.

    Attributes:
        organs: names of those to label, such as ("liver", "left_kidney"), kept as a tuple with each once; a text may
            hold several, separated by commas. None means all that the model knows.
        threads: processor cores to use; 0, and more than there are, mean as many as there are.
        slice_step_mm: the network sees slices at most this far apart, and class scores are interpolated between them;
            None means as the model says.
        postprocess: whether organs are post-processed as the model says (offsets of the logits, clean-up).
        orientation: to where i, j and k run in a volume file, whatever its header says, such as "LPS" (left,
            posterior, superior); see `parse_axes`. None means as the header says. DICOM slices, SimpleITK images and
            Slicer's volumes state their own.
        region: label nothing outside of this box; the network still sees what lies around. None means no limit.

    Raises:
        OptionError: a value makes no sense.

    Examples:
        >>> SegmentOptions(organs="liver, spleen").organs
        ('liver', 'spleen')
        >>> SegmentOptions(slice_step_mm=-1)
        Traceback (most recent call last):
        MISTKDSegmentLib.errors.OptionError: slice_step_mm is -1; give millimetres above 0, or None for the model's.
    """

    organs: Optional[Sequence[str]] = None
    threads: int = 0
    slice_step_mm: Optional[float] = None
    postprocess: bool = True
    orientation: Optional[str] = None
    region: Optional[Region] = None

    def __post_init__(self) -> None:
        if self.organs is not None:
            object.__setattr__(self, "organs", _names(self.organs))
        if not 0 <= self.threads < math.inf:
            raise OptionError(f"threads is {self.threads}; give the number of cores to use, or 0 for all.")
        if self.slice_step_mm is not None and not 0 < self.slice_step_mm < math.inf:
            raise OptionError(f"slice_step_mm is {self.slice_step_mm}; give millimetres above 0, or None for the "
                              "model's.")
        if self.orientation is not None:
            object.__setattr__(self, "orientation", _axes(self.orientation))


def _axes(orientation: str) -> str:
    try:
        return parse_axes(orientation)
    except ValueError as error:
        raise OptionError(f"orientation: {error}.") from None


def _names(organs: Sequence[str]) -> tuple[str, ...]:
    names = [name.strip() for name in organs.split(",")] if isinstance(organs, str) else list(organs)
    if not any(names):
        raise OptionError("No organ is wanted; name at least one, or leave organs out for all.")
    return tuple(dict.fromkeys(names))


DEFAULTS = SegmentOptions()
