"""The run that the panel started, and what the panel shows of it (touches slicer and qt widgets)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Optional

from slicer.i18n import tr as _

from MISTKDSegmentLib.slicer.panel import outputs, sentences
from MISTKDSegmentLib.slicer.panel.logic import Run, RunParameters

if TYPE_CHECKING:
    from MISTKDSegmentLib.slicer.panel.widget import Panel


class Running:
    """Observer of the run that is under way, if there is one.

    Args:
        panel: what started it.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel, self._started_s, self._remark = panel, 0.0, ""
        self.run: Optional[Run] = None
        self.is_heard = True

    def start(self, parameters: RunParameters, remark: str = "") -> None:
        """Start a run.

        Args:
            parameters: what to segment and where to put it.
            remark: what is to be said as well when it has finished.

        Raises:
            SegmentError: it cannot start.
        """
        self._started_s, self._remark = time.monotonic(), remark
        self.run = self._panel.logic.start(parameters, self)
        self._panel.refresh()

    def abandon(self) -> None:
        """End the run without a word: nobody is there to read it."""
        self.is_heard = False
        if self.run is not None:
            self.run.cancel()
        self.run = None

    def show(self) -> None:
        """Bring the progress bar, and during a run the status line, in line with the run."""
        ui = self._panel.ui
        ui.progressBar.visible = self.run is not None
        if self.run is not None:
            done, total = self.run.slicesDone, self.run.slicesTotal
            ui.progressBar.setRange(0, total)
            ui.progressBar.setValue(done)
            ui.progressBar.format = sentences.progress(done, total, self.run.secondsLeft)
            self._panel.controls.say(sentences.working(done, total, self.run.showsProgress))

    def onProgress(self, run: Run) -> None:
        """The logic has segmented some more slices."""
        if self.is_heard:
            self.show()

    def onFinished(self, run: Run) -> None:
        """The segmentation is in the scene."""
        self.run = None
        outputs.remember(run.segmentationNode, run.tableNode)
        # While a scene is read the panel shows none; the scene keeps them all the same.
        parameters = self._panel.parameters or self._panel.logic.getParameterNode()
        parameters.segmentation, parameters.organTable = run.segmentationNode, run.tableNode
        said = sentences.finished(run.rows, time.monotonic() - self._started_s)
        self._end(" ".join(filter(None, (said, self._remark, run.sentence))))

    def onCancelled(self, run: Run) -> None:
        """The run was stopped."""
        if run.sentence:
            self._end(_("Cancelled: {reason}").format(reason=run.sentence))
        else:
            self._end(_("Cancelled; the scene is as it was before."))

    def onFailed(self, run: Run, sentence: str) -> None:
        """The run could not go on."""
        self._end(sentence)

    def _end(self, sentence: str) -> None:
        self.run = None
        if self.is_heard:
            self._panel.say(sentence)
