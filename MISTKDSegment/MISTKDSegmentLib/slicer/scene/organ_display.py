"""How the organs of a segmentation are shown: which of them, how strongly, and which one shines (touches slicer)."""

from __future__ import annotations

import json
import math
from typing import Any

import slicer

# What is left of the others while one organ shines.
_DIMMED = 0.25
_SHINE = "MISTKDSegment.shine"
_KINDS = ("Opacity2DFill", "Opacity2DOutline", "Opacity3D")


def is_shown(segmentationNode: Any, segment_id: str) -> bool:
    """Whether a segment is to be seen in the views."""
    display = segmentationNode.GetDisplayNode()
    return display is not None and bool(display.GetVisibility()) and display.GetSegmentVisibility(segment_id)


def show_organ(segmentationNode: Any, segment_id: str, shown: bool) -> None:
    """Show or hide one segment; where the whole segmentation was hidden, show this one alone."""
    segmentationNode.CreateDefaultDisplayNodes()
    display = segmentationNode.GetDisplayNode()
    with slicer.util.NodeModify(display):
        if shown and not display.GetVisibility():
            display.SetAllSegmentsVisibility(False)
            display.SetVisibility(True)
        display.SetSegmentVisibility(segment_id, shown)


def opacity_of(segmentationNode: Any) -> float:
    """How opaque the segmentation is as a whole, 0 to 1."""
    display = segmentationNode.GetDisplayNode()
    return 1.0 if display is None else float(display.GetOpacity())


def set_opacity(segmentationNode: Any, opacity: float) -> None:
    """Make the segmentation as a whole more or less opaque, 0 to 1."""
    segmentationNode.CreateDefaultDisplayNodes()
    segmentationNode.GetDisplayNode().SetOpacity(opacity)


def shining_organ(segmentationNode: Any) -> str:
    """The segment that shines; "" where none does."""
    return str(_shine_of(segmentationNode).get("segment", ""))


def let_shine(segmentationNode: Any, segment_id: str) -> None:
    """Let one segment shine by dimming the others; what these had is kept with the segmentation."""
    show_alike(segmentationNode)
    segmentationNode.CreateDefaultDisplayNodes()
    display = segmentationNode.GetDisplayNode()
    others = [other for other in segmentationNode.GetSegmentation().GetSegmentIDs() if other != segment_id]
    before = {kind: {other: _get(display, kind, other) for other in others} for kind in _KINDS}
    segmentationNode.SetAttribute(_SHINE, json.dumps({"segment": segment_id, "before": before}))
    with slicer.util.NodeModify(display):
        for kind, opacities in before.items():
            for other, opacity in opacities.items():
                _set(display, kind, other, _DIMMED * opacity)


def show_alike(segmentationNode: Any) -> None:
    """Let no segment shine, and give all back what they had; harmless where none shines."""
    display, before = segmentationNode.GetDisplayNode(), _shine_of(segmentationNode).get("before", {})
    segmentationNode.RemoveAttribute(_SHINE)
    if display is None or not before:
        return
    with slicer.util.NodeModify(display):
        for kind in _KINDS:
            for segment_id, opacity in before.get(kind, {}).items():
                # What somebody else has set meanwhile stays.
                if math.isclose(_get(display, kind, segment_id), _DIMMED * opacity, abs_tol=1e-6):
                    _set(display, kind, segment_id, opacity)


def _shine_of(node: Any) -> dict[str, Any]:
    try:
        kept = json.loads(node.GetAttribute(_SHINE) or "{}")
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) else {}


def _get(display: Any, kind: str, segment_id: str) -> float:
    return float(getattr(display, f"GetSegment{kind}")(segment_id))


def _set(display: Any, kind: str, segment_id: str, opacity: float) -> None:
    getattr(display, f"SetSegment{kind}")(segment_id, opacity)
