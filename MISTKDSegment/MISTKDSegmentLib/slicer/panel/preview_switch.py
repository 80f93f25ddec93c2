"""Keeps the preview of the visible slice in line with the parameters (touches qt and slicer)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from MISTKDSegmentLib.slicer.panel.guard import guarded
from MISTKDSegmentLib.slicer.panel.preview import SlicePreview
from MISTKDSegmentLib.slicer.panel.state import Situation, why_no_preview
from MISTKDSegmentLib.slicer.panel.timer import Timer

if TYPE_CHECKING:
    from MISTKDSegmentLib.slicer.panel.widget import Panel

# A person who ticks one organ after the other shall not start a process with each tick.
_DELAY_MS = 400


class PreviewSwitch:
    """Starts the preview, starts it anew when what it shows is changed, and stops it.

    Args:
        panel: whose parameters it follows.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel, self.say = panel, panel.say
        self._preview: Optional[SlicePreview] = None
        self._shown: Optional[tuple[Any, ...]] = None
        self._later: Optional[Timer] = None

    def follow(self, situation: Situation) -> None:
        """Bring the preview in line with the parameters."""
        wanted = self._wanted(situation)
        if wanted != self._shown:
            self.stop()
            self._shown = wanted
            self._later = Timer(_DELAY_MS, self._start, once=True) if wanted else None

    def stop(self) -> None:
        """Leave the views as they were; harmless when there is no preview."""
        later, self._later = self._later, None
        preview, self._preview = self._preview, None
        self._shown = None
        if later is not None:
            later.stop()
        if preview is not None:
            preview.stop()

    def switch_off(self) -> None:
        """Untick the preview."""
        self.stop()
        if self._panel.parameters is not None:
            self._panel.parameters.preview = False

    def _wanted(self, situation: Situation) -> Optional[tuple[Any, ...]]:
        parameters = self._panel.parameters
        if not (parameters.preview and self._panel.is_entered) or situation.running or why_no_preview(situation):
            return None
        return (parameters.inputVolume.GetID(), self._panel.models.folder(), self._panel.organs.ticked(),
                parameters.threads)

    @guarded
    def _start(self) -> None:
        panel = self._panel
        if not panel.ensure_onnxruntime():
            self.switch_off()
            return
        self._preview = SlicePreview(
            panel.logic, panel.parameters.inputVolume, panel.models.folder(), organs=panel.organs.ticked(),
            threads=panel.parameters.threads, onStatus=self.say, onStopped=self._stopped)
        try:
            self._preview.start()
        except Exception:  # whatever it is goes on to `guarded`, but not with the box ticked
            self.switch_off()
            raise

    def _stopped(self, sentence: str) -> None:
        self.switch_off()
        self.say(sentence)
