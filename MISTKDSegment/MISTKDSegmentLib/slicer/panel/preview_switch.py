"""Keeps the preview of the visible slice in line with what is chosen (touches qt and slicer)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional

import slicer

from MISTKDSegmentLib.slicer.panel.guard import guarded
from MISTKDSegmentLib.slicer.panel.preview import SlicePreview
from MISTKDSegmentLib.slicer.panel.signal import Signal
from MISTKDSegmentLib.slicer.panel.timer import Later

if TYPE_CHECKING:
    from MISTKDSegmentLib.slicer.panel.logic import MISTKDSegmentLogic

# A person who ticks one organ after the other shall not start a process with each tick.
_DELAY_MS = 400


@dataclass(frozen=True)
class Wanted:
    """What is to be previewed: a volume, by a model, which organs, with how many threads."""

    volume_id: str
    bundle: Path
    organs: tuple[str, ...]
    threads: int


class PreviewSwitch:
    """Starts the preview, starts it anew when what it shows is changed, and stops it.

    Args:
        logic: of the module.
        may_start: asks for what is missing, and returns whether it is there.

    Attributes:
        said: emitted with a sentence for the status line.
        ended: emitted when the preview did not come about, or ended by itself.
    """

    def __init__(self, logic: MISTKDSegmentLogic, may_start: Callable[[], bool]) -> None:
        self.said, self.ended = Signal(), Signal()
        self.say = self.said.emit
        self._logic, self._may_start = logic, may_start
        self._preview: Optional[SlicePreview] = None
        self._wanted: Optional[Wanted] = None
        self._later = Later(_DELAY_MS, self._start)

    def follow(self, wanted: Optional[Wanted]) -> None:
        """Preview this from now on; None previews nothing."""
        if wanted != self._wanted:
            self.stop()
            self._wanted = wanted
            if wanted is not None:
                self._later.ask()

    def stop(self) -> None:
        """Leave the views as they were; harmless when there is no preview."""
        self._later.forget()
        preview, self._preview = self._preview, None
        self._wanted = None
        if preview is not None:
            preview.stop()

    @guarded
    def _start(self) -> None:
        wanted = self._wanted
        try:
            if wanted is None or not self._may_start():
                self._give_up()
                return
            self._preview = SlicePreview(
                self._logic, slicer.mrmlScene.GetNodeByID(wanted.volume_id), wanted.bundle, organs=wanted.organs,
                threads=wanted.threads, onStatus=self.say, onStopped=self._stopped)
            self._preview.start()
        except Exception:  # whatever it is goes on to `guarded`, but not with the box ticked
            self._give_up()
            raise

    def _give_up(self) -> None:
        self.stop()
        self.ended.emit()

    def _stopped(self, sentence: str) -> None:
        self._give_up()
        self.say(sentence)
