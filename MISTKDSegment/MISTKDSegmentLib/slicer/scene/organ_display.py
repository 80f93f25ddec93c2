"""How the organs of a segmentation are shown: which of them, how strongly, and which one shines (touches slicer)."""

from __future__ import annotations

from typing import Any

import slicer

# What is left of the others while one organ shines.
_DIMMED = 0.25
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


class Shine:
    """Makes one organ shine by dimming the others, and gives them back what they had.

    Attributes:
        segment_id: of the one that shines; "" where none does.
    """

    def __init__(self) -> None:
        self.segment_id = ""
        self._display: Any = None
        self._before: dict[tuple[str, str], float] = {}

    def on(self, segmentationNode: Any, segment_id: str) -> None:
        """Let this one shine, and no other."""
        self.off()
        segmentationNode.CreateDefaultDisplayNodes()
        self._display, self.segment_id = segmentationNode.GetDisplayNode(), segment_id
        with slicer.util.NodeModify(self._display):
            for other in segmentationNode.GetSegmentation().GetSegmentIDs():
                if other != segment_id:
                    self._dim(other)

    def off(self) -> None:
        """Show all alike again; harmless where none shines."""
        display, before = self._display, self._before
        self._display, self._before, self.segment_id = None, {}, ""
        if display is None or display.GetScene() is None:
            return
        with slicer.util.NodeModify(display):
            for (kind, segment_id), opacity in before.items():
                # What somebody else has set meanwhile stays.
                if _get(display, kind, segment_id) == _DIMMED * opacity:
                    _set(display, kind, segment_id, opacity)

    def _dim(self, segment_id: str) -> None:
        for kind in _KINDS:
            opacity = _get(self._display, kind, segment_id)
            self._before[kind, segment_id] = opacity
            _set(self._display, kind, segment_id, _DIMMED * opacity)


def _get(display: Any, kind: str, segment_id: str) -> float:
    return float(getattr(display, f"GetSegment{kind}")(segment_id))


def _set(display: Any, kind: str, segment_id: str, opacity: float) -> None:
    getattr(display, f"SetSegment{kind}")(segment_id, opacity)
