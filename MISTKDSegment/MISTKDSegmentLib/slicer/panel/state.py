"""Which controls can be used and why not, as plain data and sentences (touches slicer for translations alone)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

from slicer.i18n import tr as _

_CHOICES = ("inputVolumeSelector", "modelComboBox", "addModelButton", "segmentationSelector", "organList",
            "allOrgansButton", "noOrgansButton", "threadsSpinBox", "sliceStepSpinBox", "postprocessCheckBox",
            "previewCheckBox", "useRoiCheckBox", "roiSelector", "newRoiButton", "installButton")


@dataclass(frozen=True)
class Situation:
    """What decides which controls can be used.

    Attributes:
        volume_problem: why the input volume cannot be segmented, one sentence; None where it may.
        model_problem: why the model cannot be used.
        organs_ticked, organs_known: how many organs are ticked, of how many that the model knows.
        use_roi, has_roi: whether the run is to be restricted to a region, and whether one is chosen.
        running: whether a run is under way.
        has_rows: whether there is a table of results.
        has_segments: whether the segmentation holds something to show.
    """

    volume_problem: Optional[str] = None
    model_problem: Optional[str] = None
    organs_ticked: int = 0
    organs_known: int = 0
    use_roi: bool = False
    has_roi: bool = False
    running: bool = False
    has_rows: bool = False
    has_segments: bool = False


def why_not(situation: Situation) -> Optional[str]:
    """The one sentence that says what a run lacks; None where it can start."""
    if situation.volume_problem or situation.model_problem:
        return situation.volume_problem or situation.model_problem
    if not situation.organs_ticked:
        return _("Tick at least one organ.")
    if situation.use_roi and not situation.has_roi:
        return _("Choose a region of interest or make a new one, or untick the restriction to it under Advanced.")
    return None


def why_no_preview(situation: Situation) -> Optional[str]:
    """The one sentence that says what a preview lacks; it shows whole slices whatever the region."""
    return why_not(replace(situation, use_roi=False))


def why_disabled(situation: Situation) -> dict[str, Optional[str]]:
    """Name of each control: the sentence that says why it cannot be used now, or None."""
    busy = _("A run is under way: cancel it or wait until it has ended.") if situation.running else None
    reasons = dict.fromkeys(_CHOICES, busy)
    for name in ("organList", "allOrgansButton", "noOrgansButton"):
        reasons[name] = busy or situation.model_problem
    reasons["previewCheckBox"] = busy or why_no_preview(situation)
    if not situation.use_roi:
        for name in ("roiSelector", "newRoiButton"):
            reasons[name] = busy or _("Tick “Restrict to a region of interest” first.")
    reasons["newRoiButton"] = reasons["newRoiButton"] or situation.volume_problem
    reasons["segmentButton"] = None if situation.running else why_not(situation)
    empty = None if situation.has_rows else _("There are no results yet: segment a CT volume first.")
    reasons.update(resultsTable=empty, copyButton=empty, exportButton=empty)
    nothing = None if situation.has_segments else _("There is no organ to show yet: segment first.")
    reasons.update(show3dButton=nothing, editButton=nothing, opacitySlider=nothing)
    return reasons


def status_when_idle(situation: Situation) -> str:
    """What the status line says while nothing has happened yet."""
    lacking = why_not(situation)
    if lacking:
        return lacking
    if situation.organs_ticked == situation.organs_known:
        return _("Ready to segment all {count} organs.").format(count=situation.organs_known)
    return _("Ready to segment {count} of {known} organs.").format(count=situation.organs_ticked,
                                                                   known=situation.organs_known)
