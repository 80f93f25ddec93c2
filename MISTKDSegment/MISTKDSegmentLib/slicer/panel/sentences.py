"""What the progress bar and the status line say about a run (touches slicer for translations alone)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from slicer.i18n import tr as _

from MISTKDSegmentLib.report.table import OrganRow

_ZERO_WIDTH_SPACE = "\u200b"


def duration(seconds: float) -> str:
    """Examples: "4 s", "1 min 20 s" (to 10 s), "12 min" (from 10 min on)."""
    if seconds < 59.5:
        return _("{seconds} s").format(seconds=max(1, round(seconds)))
    step = 10 if seconds < 600 else 60
    minutes, rest = divmod(round(seconds / step) * step, 60)
    if rest:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    return _("{minutes} min").format(minutes=minutes)


def progress(percent: int, seconds_left: float) -> str:
    """What the progress bar says, e.g. "62 %, about 4 s left"."""
    return _("{percent} %, about {time} left").format(percent=percent, time=duration(seconds_left))


def working(done: int, total: int, shown: bool = True) -> str:
    """What the status line says during a run; `shown` is whether organs appear before its end."""
    if not total:
        return _("Starting the model…")
    if done >= total:
        return _("Making the segmentation…")
    slices = _("{done} of {total} slices").format(done=done, total=total)
    if not shown:
        return _("{slices}: the organs appear at the end.").format(slices=slices)
    return _("{slices}, from the feet upwards: the organs appear in the slice views as they are found.").format(
        slices=slices)


def finished(rows: Sequence[OrganRow], seconds: float) -> str:
    """What the status line says after a run: how long it took, what was found, what to look at."""
    found = sum(row.voxels > 0 for row in rows)
    said = _("Done in {time}: {found} of {count} organs found.").format(time=duration(seconds), found=found,
                                                                        count=len(rows))
    doubtful = [row.label.title for row in rows if not row.voxels or row.is_small or row.is_large]
    if doubtful:
        said += " " + _("Check these against the scan: {organs}.").format(organs=", ".join(doubtful))
    cut = [row.label.title for row in rows if row.touches_edge or row.touches_rim]
    if cut:
        said += " " + _("Cut off: {organs}.").format(organs=", ".join(cut))
    return said


def spared(segmentation: str) -> str:
    """What the status line adds when the segmentation that was chosen belongs to another volume."""
    return _("The segmentation {name} belongs to another volume and was left as it is; the organs are in a new "
             "one.").format(name=segmentation)


def breakable(text: str) -> str:
    """The text with places where a line may break in paths and other long words, so that nothing is cut off."""
    parts = re.split(r"(\s+)", text)
    return "".join(_ZERO_WIDTH_SPACE.join(re.findall(r".{1,12}?[/\\_.-]|.{1,12}", part)) if len(part) > 24 else part
                   for part in parts)
