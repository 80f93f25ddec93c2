"""What the panel shows of a run that is under way, and what it says at its end (touches slicer and qt widgets)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Optional

from slicer.i18n import tr as _

from MISTKDSegmentLib.slicer.panel import sentences
from MISTKDSegmentLib.slicer.panel.signal import Signal
from MISTKDSegmentLib.slicer.panel.timer import Timer

if TYPE_CHECKING:
    from MISTKDSegmentLib.slicer.panel.logic import MISTKDSegmentLogic, Run, RunParameters

_REFRESH_MS = 250


class RunDisplay:
    """Observer of the run that is under way, if there is one.

    Args:
        bar: a QProgressBar.

    Attributes:
        run: the run.
        said: emitted several times a second with what is going on.
        ended: emitted with the run and a sentence on its end.
    """

    def __init__(self, bar: Any) -> None:
        self.said, self.ended = Signal(), Signal()
        self.run: Optional[Run] = None
        self._bar, self._started_s, self._remark = bar, 0.0, ""
        self._timer: Optional[Timer] = None
        self._is_heard = True
        bar.setRange(0, 100)
        self.show()

    def start(self, logic: MISTKDSegmentLogic, parameters: RunParameters, remark: str = "") -> None:
        """Start a run.

        Args:
            logic: of the module.
            parameters: what to segment and where to put it.
            remark: what is to be said as well when it has finished.

        Raises:
            SegmentError: it cannot start.
        """
        self._started_s, self._remark = time.monotonic(), remark
        self.run = logic.start(parameters, self)
        self._timer = Timer(_REFRESH_MS, self.show)

    def abandon(self) -> None:
        """End the run without a word: nobody is there to read it."""
        self._is_heard = False
        if self.run is not None:
            self.run.cancel()
        self._forget()

    def show(self) -> None:
        """Bring the progress bar, and what is said, in line with the run."""
        self._bar.visible = self.run is not None
        if self.run is not None:
            done, total = self.run.slicesDone, self.run.slicesTotal
            percent = int(100 * self.run.fraction)
            self._bar.setValue(percent)
            self._bar.format = sentences.progress(percent, self.run.secondsLeft)
            self.said.emit(sentences.working(done, total, self.run.showsProgress))

    def onProgress(self, run: Run) -> None:
        """The logic has segmented some more slices."""
        if self._is_heard:
            self.show()

    def onFinished(self, run: Run) -> None:
        """The segmentation is in the scene."""
        said = sentences.finished(run.rows, time.monotonic() - self._started_s)
        self._end(run, " ".join(filter(None, (said, self._remark, run.sentence))))

    def onCancelled(self, run: Run) -> None:
        """The run was stopped."""
        if run.sentence:
            self._end(run, _("Cancelled: {reason}").format(reason=run.sentence))
        else:
            self._end(run, _("Cancelled; the scene is as it was before."))

    def onFailed(self, run: Run, sentence: str) -> None:
        """The run could not go on."""
        self._end(run, sentence)

    def _end(self, run: Run, sentence: str) -> None:
        self._forget()
        if self._is_heard:
            self.ended.emit(run, sentence)

    def _forget(self) -> None:
        self.run = None
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
