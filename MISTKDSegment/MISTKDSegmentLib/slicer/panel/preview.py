"""Segments the slice that is visible, at once, and follows the slice view (touches slicer)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

import numpy as np
import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.child.job import Order
from MISTKDSegmentLib.child.messages import Failed, Message, SliceDone, Started
from MISTKDSegmentLib.errors import SegmentError
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.model.bundle import load_bundle
from MISTKDSegmentLib.slicer.panel.child_process import told_failure
from MISTKDSegmentLib.slicer.panel.folder_removal import remove_job
from MISTKDSegmentLib.slicer.panel.run_parameters import check_volume
from MISTKDSegmentLib.slicer.panel.timer import Timer
from MISTKDSegmentLib.slicer.panel.turns import Turns
from MISTKDSegmentLib.slicer.panel.watch import Watch
from MISTKDSegmentLib.slicer.scene.live_labels import LiveLabels
from MISTKDSegmentLib.slicer.scene.volume_node import RAS_TO_LPS, read_volume_node, rigid_placement

if TYPE_CHECKING:
    from MISTKDSegmentLib.slicer.panel.logic import MISTKDSegmentLogic

_AXIAL_COSINE = 0.999
_SAME_MM = 0.01
_RETRY_MS, _MOST_MISSES = 50, 20
_log = logging.getLogger(__name__)


class SlicePreview:
    """Shows the organs in the axial slice that is visible; nothing is kept.

    Args:
        logic: of the module; it has one preview at a time.
        volumeNode: the CT.
        bundle: folder of the model.
        organs: name of the one, or names of those, wanted; None means all that the model knows.
        threads: for the network; 0 means as many as there are cores.
        onStatus: gets one sentence on what is going on, "" where there is nothing to say.
        onStopped: gets one sentence when the preview has switched itself off; not called by `stop`.
    """

    def __init__(self, logic: MISTKDSegmentLogic, volumeNode: Any, bundle: Path,
                 organs: Union[str, Sequence[str], None] = None, threads: int = 0,
                 onStatus: Optional[Callable[[str], None]] = None,
                 onStopped: Optional[Callable[[str], None]] = None) -> None:
        self._logic, self._volumeNode, self._bundle = logic, volumeNode, Path(bundle)
        self._organs, self._threads = organs, threads
        self._onStatus, self._onStopped = onStatus, onStopped
        self.isOn = False

    def start(self) -> None:
        """Switch it on.

        Raises:
            SegmentError: it cannot start; nothing has changed then.
        """
        if self.isOn:
            return
        check_volume(self._volumeNode)
        self._logic.checkRuntime()
        options = SegmentOptions(self._organs, self._threads)
        self._labels = load_bundle(self._bundle).labels_named(options.organs)
        volume = read_volume_node(self._volumeNode)
        self._child = self._logic.readyChild.take()
        self._logic.registerPreview(self)
        self.isOn = True
        self._ready, self._number, self._answered, self._misses = False, 0, 0, 0
        self._asked_mm: Optional[float] = None  # height of the slice that is waited for or shown
        self._live: Optional[LiveLabels] = None
        self._said = ""
        self._follow()
        self._child.said.connect(self._on_message)
        self._child.ended.connect(self._on_end)
        order = Order(self._bundle, options, preview=True)
        self._turns = Turns(self._child.job.fill(volume, order), lambda _: None, self._on_error)
        self._say(_("Starting the model…"))

    def stop(self) -> None:
        """Switch it off and leave the views as they were; harmless when it is off."""
        if not self.isOn:
            return
        self.isOn = False
        self._turns.stop()
        self._child.stop()
        self._watch.stop()
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        self._observed.clear()
        live, self._live = self._live, None
        if live is not None:
            try:
                live.remove()
            except Exception:  # the folder with the scan has to go all the same
                _log.exception("What the slice views showed before the preview could not be restored.")
        remove_job(self._child.job)

    def switchOff(self, sentence: str) -> None:
        """Switch it off and tell the listener why; harmless when it is off."""
        if self.isOn:
            self.stop()
            _call(self._onStopped, _("The preview was switched off: {reason}").format(reason=sentence))

    def _follow(self) -> None:
        self._watch = Watch(self._volumeNode, self.switchOff)
        moved = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        self._observed = [(self._volumeNode, self._volumeNode.AddObserver(moved, self._on_volume_moved))]
        self._slice_nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode", self._volumeNode.GetScene())
        self._observed += [(node, node.AddObserver("ModifiedEvent", self._on_moved)) for node in self._slice_nodes]
        self._slice_node = axial_view(self._slice_nodes)

    def _on_moved(self, node: Any, _event: str) -> None:
        self._slice_node = axial_view([node, self._slice_node, *self._slice_nodes])
        self._ask()

    def _ask(self) -> None:
        """Ask for the slice that is visible now, unless an answer is still under way."""
        if self._slice_node is None:
            self._say(_("No slice view is axial: set one of them to Axial to see the organs in it."))
            return
        if self._ready:
            self._say("")
        height_mm = self._slice_node.GetSliceToRAS().GetElement(2, 3)
        shown = self._asked_mm is not None and abs(height_mm - self._asked_mm) < _SAME_MM
        if self._ready and self._answered == self._number and not shown:
            self._request(height_mm)

    def _request(self, height_mm: float) -> None:
        try:
            self._child.job.request(self._number + 1, self._position(height_mm))
        except OSError as error:
            self._miss(error)
            return
        self._number, self._asked_mm, self._misses = self._number + 1, height_mm, 0

    def _miss(self, error: OSError) -> None:
        """Windows replaces no file that is being read, so try again soon; but not for ever."""
        self._misses += 1
        if self._misses < _MOST_MISSES:
            Timer(_RETRY_MS, self._retry, once=True)
            return
        self.switchOff(_("The temporary folder {folder} cannot be written ({reason}).").format(
            folder=self._child.job.folder, reason=error.strerror or error))

    def _retry(self) -> None:
        if self.isOn:
            self._ask()

    def _position(self, height_mm: float) -> list[float]:
        """Where the visible slice is, above or below the middle of the volume: LPS millimetres as the job has them."""
        bounds, local = [0.0] * 6, [0.0] * 3
        self._volumeNode.GetRASBounds(bounds)
        world = ((bounds[0] + bounds[1]) / 2, (bounds[2] + bounds[3]) / 2, height_mm)
        self._volumeNode.TransformPointFromWorld(world, local)
        position: np.ndarray = RAS_TO_LPS @ rigid_placement(self._volumeNode) @ [*local, 1.0]
        return position[:3].tolist()

    def _on_message(self, message: Message) -> None:
        if isinstance(message, Started):
            self._ready = True
            self._ask()
        elif isinstance(message, SliceDone):
            self._answered = message.number
            self._show(message)
            self._ask()
        elif isinstance(message, Failed):
            self.switchOff(told_failure(message))

    def _show(self, message: SliceDone) -> None:
        try:
            if self._live is None:
                self._live = LiveLabels(self._volumeNode, self._labels)
            self._live.update(self._child.job.labels, message.filled)
        except Exception:  # the views are not ours; a preview that cannot be seen is over, with a sentence
            _log.exception("The preview cannot be shown.")
            self.switchOff(_("The preview could not be shown; the Python log has the details."))

    def _on_volume_moved(self, *_event: object) -> None:
        self.switchOff(_("The volume {name} was moved.").format(name=self._volumeNode.GetName()))

    def _on_error(self, error: Exception) -> None:
        _log.error("The preview cannot be started.", exc_info=None if isinstance(error, SegmentError) else error)
        self.switchOff(str(error) if isinstance(error, SegmentError)
                       else _("The scan could not be handed over; the Python log has the details."))

    def _on_end(self, sentence: Optional[str]) -> None:
        if sentence is not None:
            self.switchOff(sentence)

    def _say(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            _call(self._onStatus, sentence)


def axial_view(slice_nodes: Sequence[Any]) -> Any:
    """The first axial one of some vtkMRMLSliceNodes, if any: of those that the layout shows, else of all."""
    axial = [node for node in slice_nodes if node is not None and is_axial(node)]
    return next((node for node in axial if node.IsMappedInLayout()), axial[0] if axial else None)


def is_axial(slice_node: Any) -> bool:
    """Whether a slice view looks along the patient."""
    return bool(abs(slice_node.GetSliceToRAS().GetElement(2, 2)) > _AXIAL_COSINE)


def _call(callback: Optional[Callable[[str], None]], sentence: str) -> None:
    if callback is None:
        return
    try:
        callback(sentence)
    except Exception:  # somebody else's code must not keep the preview from ending
        _log.exception("A listener of the preview failed.")
