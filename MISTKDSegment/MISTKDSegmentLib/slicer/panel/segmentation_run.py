"""One segmentation of a volume node, from start to end (touches slicer)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional, Union

import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.child.job import Job, Order
from MISTKDSegmentLib.child.messages import Done, Failed, Message, Started
from MISTKDSegmentLib.errors import InputError, SegmentError
from MISTKDSegmentLib.geometry.orientation import is_oblique
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions
from MISTKDSegmentLib.inference.progress import Filled, Progress
from MISTKDSegmentLib.model.bundle import load_bundle
from MISTKDSegmentLib.report.table import OrganRow
from MISTKDSegmentLib.slicer.panel.child_process import ChildProcess
from MISTKDSegmentLib.slicer.panel.folder_removal import remove_job
from MISTKDSegmentLib.slicer.panel.installation import cannot_be_loaded
from MISTKDSegmentLib.slicer.panel.pace import Pace
from MISTKDSegmentLib.slicer.panel.timer import Timer
from MISTKDSegmentLib.slicer.panel.watch import Watch
from MISTKDSegmentLib.slicer.scene.all_or_nothing import all_or_nothing, save_for_undo
from MISTKDSegmentLib.slicer.scene.live_labels import LiveLabels
from MISTKDSegmentLib.slicer.scene.organ_table_node import write_table_node
from MISTKDSegmentLib.slicer.scene.roi import region_from_roi
from MISTKDSegmentLib.slicer.scene.segmentation_node import check_shape, write_segmentation_node
from MISTKDSegmentLib.slicer.scene.volume_node import read_volume_node, why_not_a_ct

REFRESH_MS = 250
SILENCE_LIMIT_S = 600.0
END_LIMIT_S = 2.0  # after its last word
_log = logging.getLogger(__name__)


@dataclass
class RunParameters:
    """What to segment and where to put it.

    Attributes:
        volumeNode: the CT, a vtkMRMLScalarVolumeNode in a scene.
        bundle: folder of the model.
        options: how to segment; the region is that of `roiNode`.
        segmentationNode: where the organs go; None makes a new one.
        roiNode: markups ROI that limits the run.
        tableNode: where the measurements go; None makes a new one.
        writeTable: whether there is to be a table node at all.
        showProgress: whether the organs appear in the slice views as they are found; those of an oblique volume are
            not known before the end.
    """

    volumeNode: Any
    bundle: Path
    options: SegmentOptions = DEFAULTS
    segmentationNode: Any = None
    roiNode: Any = None
    tableNode: Any = None
    writeTable: bool = True
    showProgress: bool = True


class Run:
    """A segmentation that is under way, or was.

    Args:
        parameters: what to segment and where to put it.
        observer: its onProgress(run), onFinished(run), onCancelled(run) and onFailed(run, sentence) are called on the
            main thread, where it has them; what they raise is logged and changes nothing.

    Attributes:
        isRunning: whether none of the last three was called yet.
        slicesDone, slicesTotal: progress; both 0 until the model is loaded.
        showsProgress: whether the organs appear in the slice views as they are found.
        segmentationNode, tableNode: the results, once it has finished.
        rows: what was measured of each organ, once it has finished.
        sentence: why it was cancelled or failed; what to know about a result; or "".

    Raises:
        SegmentError: it cannot start; nothing has changed then.
    """

    def __init__(self, parameters: RunParameters, observer: object = None) -> None:
        self.parameters, self._observer = parameters, observer
        self.isRunning = True
        self.slicesDone = self.slicesTotal = 0
        self.segmentationNode = self.tableNode = None
        self.rows: tuple[OrganRow, ...] = ()
        self.sentence = ""
        self._pace, self._silent_s = Pace(), 0.0
        self._live: Optional[LiveLabels] = None
        self._filled: list[Filled] = []
        self._last: Union[Done, Failed, None] = None
        bundle = load_bundle(Path(parameters.bundle))
        self._labels = bundle.labels_named(parameters.options.organs)
        check_parameters(parameters)
        volume = read_volume_node(parameters.volumeNode)
        self.showsProgress = parameters.showProgress and not is_oblique(volume)
        self._job = _make_job(parameters, volume)
        self._watch = Watch(parameters.volumeNode, self.cancel)
        self._timer = Timer(REFRESH_MS, self._refresh)
        self._child = ChildProcess()
        self._child.start(self._job, self._on_message, self._on_end)

    @property
    def secondsLeft(self) -> Optional[float]:
        """Time left in seconds, from the pace so far; None where nothing can be said."""
        return self._pace.seconds_left(self.slicesTotal) if self.isRunning else None

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
        self._child.wait(slicer.app.processEvents)

    def _on_message(self, message: Message) -> None:
        self._silent_s = 0.0
        if isinstance(message, Started):
            self.slicesTotal = message.slices_total
            self._tell("onProgress")
        elif isinstance(message, Progress):
            self._progress(message)
        elif isinstance(message, (Done, Failed)):
            self._last = message  # its process ends now, and lets go of the folder

    def _progress(self, message: Progress) -> None:
        self.slicesDone, self.slicesTotal = message.slices_done, message.slices_total
        self._pace.reached(self.slicesDone)
        if message.filled is not None:
            self._filled.append(message.filled)
        self._tell("onProgress")

    def _on_end(self, sentence: Optional[str]) -> None:
        if sentence is not None:
            self._fail(sentence)
        else:
            self._conclude()

    def _conclude(self) -> None:
        if isinstance(self._last, Done):
            self._finish(self._last)
        elif isinstance(self._last, Failed):
            self._fail(told_failure(self._last))

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
                self._live.update(self._job.labels, slab)
        except Exception:  # what is shown meanwhile is no reason to lose the result
            _log.exception("The organs found so far cannot be shown.")
            self.showsProgress = False

    def _finish(self, message: Done) -> None:
        self._tidy_views()
        try:
            self._write(message.rows)
        except SegmentError as error:
            return self._fail(str(error))
        except Exception:  # MRML raises many kinds; the run has to end and say so
            _log.exception("The segmentation could not be written into the scene.")
            return self._fail(_("The result could not be written into the scene; the Python log has the details."))
        self._end(self.sentence)
        self._tell("onFinished")

    def _write(self, rows: Sequence[OrganRow]) -> None:
        parameters, scene = self.parameters, self.parameters.volumeNode.GetScene()
        check_shape(self._job.labels, parameters.volumeNode)
        segmentation = self._still_there(parameters.segmentationNode)
        table = self._still_there(parameters.tableNode) if parameters.writeTable else None
        save_for_undo(scene, (segmentation, table))
        # The table first: it is the cheaper one to keep a copy of until the other is written.
        with all_or_nothing(scene, table):
            table = self._write_table(rows, table) if parameters.writeTable else None
            segmentation = self._write_segmentation(segmentation)
        self.segmentationNode, self.tableNode, self.rows = segmentation, table, tuple(rows)

    def _write_table(self, rows: Sequence[OrganRow], table_node: Any) -> Any:
        volume_node = self.parameters.volumeNode
        name = _("{volume} organs").format(volume=volume_node.GetName())
        return write_table_node(rows, table_node, name, volume_node)

    def _write_segmentation(self, segmentation_node: Any) -> Any:
        volume_node = self.parameters.volumeNode
        name = _("{volume} segmentation").format(volume=volume_node.GetName())
        return write_segmentation_node(self._job.labels, volume_node, segmentation_node, self._labels, name)

    def _still_there(self, node: Any) -> Any:
        """The node to write to; None, for a new one, where it was deleted during the run."""
        if node is None or self.parameters.volumeNode.GetScene().IsNodePresent(node):
            return node
        self.sentence = _("{name} was deleted during the run, so the result is in a new node.").format(
            name=node.GetName())
        return None

    def _fail(self, sentence: str) -> None:
        if self.isRunning:
            self._end(sentence)
            self._tell("onFailed", sentence)

    def _end(self, sentence: str) -> None:
        """Let go of everything: process, observations, what is shown, temporary folder."""
        self.isRunning, self.sentence = False, sentence
        self._timer.stop()
        self._child.stop()
        self._watch.stop()
        self._tidy_views()
        remove_job(self._job)

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


def told_failure(message: Failed) -> str:
    """What to say of a failure that the child reports: one sentence; the detail goes to the log."""
    detail = message.detail
    if message.kind == "input":
        # These sentences name the volume, and that may be the name of a patient: where it happened is enough.
        detail = "\n".join(line for line in detail.splitlines() if line.startswith(("Traceback", " ")))
    _log.error("The child process failed (%s).\n%s", message.kind, detail)
    return cannot_be_loaded(message.sentence) if message.kind == "onnxruntime" else message.sentence


def check_parameters(parameters: RunParameters) -> None:
    """Find out before anything is started whether a run makes sense.

    Raises:
        InputError: the volume is no CT in a scene, or a node is of the wrong kind.
    """
    check_volume(parameters.volumeNode)
    for node, kind, what in ((parameters.segmentationNode, "vtkMRMLSegmentationNode", _("segmentation")),
                             (parameters.roiNode, "vtkMRMLMarkupsROINode", _("region of interest")),
                             (parameters.tableNode, "vtkMRMLTableNode", _("table"))):
        if node is not None and not (hasattr(node, "IsA") and node.IsA(kind)):
            raise InputError(_("The node for the {what} is no {kind}; give one, or None.").format(
                what=what, kind=kind))


def check_volume(volume_node: Any) -> None:
    """Find out whether a node may be segmented at all.

    Raises:
        InputError: it is no CT volume in a scene.
    """
    problem = why_not_a_ct(volume_node)
    if problem:
        raise InputError(problem)
    if volume_node.GetScene() is None:
        raise InputError(_("The volume {name} is in no scene; add it to one.").format(name=volume_node.GetName()))


def _make_job(parameters: RunParameters, volume: Volume) -> Job:
    region: Optional[Region] = None
    if parameters.roiNode is not None:
        region = region_from_roi(parameters.roiNode, parameters.volumeNode)
    order = Order(Path(parameters.bundle), replace(parameters.options, region=region))
    return Job.create(volume, order, inside=Path(slicer.app.temporaryPath))


def _joined(filled: Sequence[Filled]) -> list[Filled]:
    """One slab for each axis."""
    slabs: dict[int, Filled] = {}
    for slab in filled:
        slabs[slab.axis] = slabs[slab.axis].joined(slab) if slab.axis in slabs else slab
    return list(slabs.values())
