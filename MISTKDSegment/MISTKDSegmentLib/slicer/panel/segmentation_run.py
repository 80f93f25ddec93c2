"""One segmentation of a volume node, from start to end (touches slicer)."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.child.messages import Done, Failed, Message, Started
from MISTKDSegmentLib.errors import SegmentError
from MISTKDSegmentLib.geometry.orientation import is_oblique
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.progress import Filled, Progress
from MISTKDSegmentLib.model.bundle import Bundle, load_bundle
from MISTKDSegmentLib.report.table import OrganRow
from MISTKDSegmentLib.slicer.panel.child_process import told_failure
from MISTKDSegmentLib.slicer.panel.folder_removal import remove_job
from MISTKDSegmentLib.slicer.panel.forecast import Forecast, keep_habits, load_habits
from MISTKDSegmentLib.slicer.panel.ready_child import ReadyChild
from MISTKDSegmentLib.slicer.panel.run_parameters import RunParameters, check_parameters, order_of
from MISTKDSegmentLib.slicer.panel.timer import Timer
from MISTKDSegmentLib.slicer.panel.turns import Turns
from MISTKDSegmentLib.slicer.panel.watch import Watch
from MISTKDSegmentLib.slicer.scene.grid import Grid
from MISTKDSegmentLib.slicer.scene.live_labels import LiveLabels
from MISTKDSegmentLib.slicer.scene.new_labels import crop_labels
from MISTKDSegmentLib.slicer.scene.result import Result, write_result
from MISTKDSegmentLib.slicer.scene.volume_node import read_volume_node

REFRESH_MS = 250
WAIT_STEP_S = 0.01
SILENCE_LIMIT_S = 600.0
END_LIMIT_S = 2.0  # after its last word
_log = logging.getLogger(__name__)


class Run:
    """A segmentation that is under way, or was.

    It has three parts: the scan is written down while the child gets ready, the child segments it, and the result is
    written into the scene. The first and the last are done in short turns of the event loop.

    Args:
        parameters: what to segment and where to put it.
        observer: its onProgress(run), onFinished(run), onCancelled(run) and onFailed(run, sentence) are called on the
            main thread, where it has them; what they raise is logged and changes nothing.
        ready: gives the child; by default a new one is started.

    Attributes:
        isRunning: whether none of the last three was called yet.
        slicesDone, slicesTotal: progress; both 0 until the model is loaded.
        showsProgress: whether the organs appear in the slice views as they are found.
        segmentationNode, tableNode: the results, once it has finished.
        rows: what was measured of each organ, once it has finished.
        doubts: what makes the result doubtful as a whole, in short and as a sentence, once it has finished.
        sentence: why it was cancelled or failed; what to know about a result; or "".

    Raises:
        SegmentError: it cannot start; nothing has changed then.
    """

    def __init__(self, parameters: RunParameters, observer: object = None,
                 ready: Optional[ReadyChild] = None) -> None:
        self.parameters, self._observer = parameters, observer
        self.isRunning = True
        self.slicesDone = self.slicesTotal = 0
        self.segmentationNode = self.tableNode = None
        self.rows: tuple[OrganRow, ...] = ()
        self.doubts: tuple[tuple[str, str], ...] = ()
        self.sentence = ""
        self._silent_s = 0.0
        self._live: Optional[LiveLabels] = None
        self._filled: list[Filled] = []
        self._last: Union[Done, Failed, None] = None
        self._bundle = load_bundle(Path(parameters.bundle))
        self._labels = self._bundle.labels_named(parameters.options.organs)
        check_parameters(parameters)
        volume, order = read_volume_node(parameters.volumeNode), order_of(parameters)
        self._grid = Grid.of(parameters.volumeNode)
        self.showsProgress = parameters.showProgress and not is_oblique(volume)
        self._child = (ready or ReadyChild()).take()
        self._child.said.connect(self._on_message)
        self._child.ended.connect(self._on_end)
        self._forecast = _forecast(volume, self._bundle, parameters.options.slice_step_mm)
        self._watch = Watch(parameters.volumeNode, self.cancel)
        self._timer = Timer(REFRESH_MS, self._refresh)
        self._turns = Turns(self._child.job.fill(volume, order), lambda _: None, self._failed_turn)

    @property
    def secondsLeft(self) -> float:
        """Time left in seconds: at first as earlier runs make one expect, then more and more as this one goes."""
        return self._forecast.seconds_left if self.isRunning else 0.0

    @property
    def fraction(self) -> float:
        """The part of the time that is over, 0 to 1."""
        return self._forecast.fraction

    def cancel(self, sentence: str = "") -> None:
        """End it at once and leave the scene as it was; harmless when it has ended.

        Args:
            sentence: why, where it is not the user who cancels.
        """
        if self.isRunning:
            self._end(sentence)
            self._tell("onCancelled")

    def wait(self) -> None:
        """Wait for the end while the application stays alive."""
        while self.isRunning:
            slicer.app.processEvents()
            time.sleep(WAIT_STEP_S)

    def _on_message(self, message: Message) -> None:
        self._silent_s = 0.0
        if isinstance(message, Started):
            self.slicesTotal = message.slices_total
            self._forecast.reached(0, self.slicesTotal)
            self._tell("onProgress")
        elif isinstance(message, Progress):
            self._progress(message)
        elif isinstance(message, (Done, Failed)):
            self._last = message  # its process ends now, and lets go of the folder

    def _progress(self, message: Progress) -> None:
        self.slicesDone, self.slicesTotal = message.slices_done, message.slices_total
        self._forecast.reached(self.slicesDone, self.slicesTotal)
        if message.filled is not None:
            self._filled.append(message.filled)
        self._tell("onProgress")

    def _on_end(self, sentence: Optional[str]) -> None:
        if sentence is not None:
            self._fail(sentence)
        else:
            self._conclude()

    def _conclude(self) -> None:
        """The child has said its last word."""
        self._timer.stop()
        self._child.stop()
        last, self._last = self._last, None
        if isinstance(last, Done):
            self._tidy_views()
            self._turns = Turns(self._result(last), self._write, self._failed_turn)
        elif last is not None:
            self._fail(told_failure(last))

    def _refresh(self) -> None:
        """Four times a second: show what is new, and see whether the child still says anything."""
        # Counted here, not by a clock, which may go on while the computer sleeps.
        self._silent_s += REFRESH_MS / 1000
        if self._last is not None and self._silent_s > END_LIMIT_S:
            self._conclude()
        elif self._silent_s > SILENCE_LIMIT_S:
            self._fail(_("The segmentation process said nothing for {minutes} minutes and was ended; start again with "
                         "fewer threads.").format(minutes=round(SILENCE_LIMIT_S / 60)))
        elif self._filled and self.showsProgress:
            filled, self._filled = _joined(self._filled), []
            self._show(filled)

    def _show(self, filled: Sequence[Filled]) -> None:
        try:
            if self._live is None:
                self._live = LiveLabels(self.parameters.volumeNode, self._labels)
            for slab in filled:
                self._live.update(self._child.job.labels, slab)
        except Exception:  # what is shown meanwhile is no reason to lose the result
            _log.exception("The organs found so far cannot be shown.")
            self.showsProgress = False

    def _result(self, message: Done) -> Generator[None, None, Result]:
        """Take the labels out of the folder, slice by slice, and remove it."""
        labels = yield from crop_labels(self._child.job.labels, self._labels)
        remove_job(self._child.job)
        yield
        return Result(labels, self._labels, self._bundle.labels, message.rows, message.doubts)

    def _write(self, result: Result) -> None:
        parameters = self.parameters
        try:
            self._grid.check(parameters.volumeNode)
            segmentation = self._still_there(parameters.segmentationNode)
            table = self._still_there(parameters.tableNode) if parameters.writeTable else None
            self.segmentationNode, self.tableNode = write_result(
                result, parameters.volumeNode, segmentation, table, write_table=parameters.writeTable)
        except Exception as error:  # MRML raises many kinds; the run has to end and say so
            return self._failed_turn(error)
        self.rows, self.doubts = tuple(result.rows), tuple(result.doubts)
        self._end(self.sentence)
        keep_habits(self._bundle.name, self._forecast.habits())
        self._tell("onFinished")

    def _still_there(self, node: Any) -> Any:
        """The node to write to; None, for a new one, where it was deleted during the run."""
        if node is None or self.parameters.volumeNode.GetScene().IsNodePresent(node):
            return node
        self.sentence = _("{name} was deleted during the run, so the result is in a new node.").format(
            name=node.GetName())
        return None

    def _failed_turn(self, error: Exception) -> None:
        if isinstance(error, SegmentError):
            self._fail(str(error))
        else:
            _log.error("The segmentation could not be written into the scene.", exc_info=error)
            self._fail(_("The result could not be written into the scene; the Python log has the details."))

    def _fail(self, sentence: str) -> None:
        if self.isRunning:
            self._end(sentence)
            self._tell("onFailed", sentence)

    def _end(self, sentence: str) -> None:
        """Let go of everything: process, observations, what is shown, temporary folder."""
        self.isRunning, self.sentence = False, sentence
        self._turns.stop()
        self._timer.stop()
        self._child.stop()
        self._watch.stop()
        self._tidy_views()
        remove_job(self._child.job)

    def _tidy_views(self) -> None:
        live, self._live = self._live, None
        self._filled.clear()
        if live is not None:
            try:
                live.remove()
            except Exception:  # the folder with the scan has to go all the same
                _log.exception("What the slice views showed before the run could not be restored.")

    def _tell(self, name: str, *details: str) -> None:
        called = getattr(self._observer, name, None)
        if called is None:
            return
        try:
            called(self, *details)
        except Exception:  # somebody else's code must not keep the run from ending
            _log.exception("%s of the observer of a segmentation failed.", name)


def _forecast(volume: Volume, bundle: Bundle, slice_step_mm: Optional[float]) -> Forecast:
    """What to expect before anything is known: the slices run along the axis that is most upright."""
    upright = int(np.abs(volume.direction[2]).argmax())  # of i, j, k
    step_mm = slice_step_mm or bundle.input.slice_step_mm
    share = 1 / max(1, int(step_mm / volume.spacing_mm[upright] + 1e-6))
    return Forecast(load_habits(bundle.name), volume.voxels.shape[2 - upright], share)


def _joined(filled: Sequence[Filled]) -> list[Filled]:
    """One slab for each axis."""
    slabs: dict[int, Filled] = {}
    for slab in filled:
        slabs[slab.axis] = slabs[slab.axis].joined(slab) if slab.axis in slabs else slab
    return list(slabs.values())
