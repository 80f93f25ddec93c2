"""Tells what happens in the scene that the panel has to know (touches slicer)."""

from __future__ import annotations

from typing import Any, Optional

import slicer
import vtk
from slicer.util import VTKObservationMixin

from MISTKDSegmentLib.slicer.panel.signal import Signal
from MISTKDSegmentLib.slicer.panel.timer import Later

_PATIENCE_MS = 200


class SceneFollower(VTKObservationMixin):
    """Turns events of the scene, and of the nodes that are chosen, into a few signals.

    Attributes:
        changes: emitted when nodes are about to come and go in numbers: a scene is closed or read.
        settled: emitted once, in a turn of the event loop of its own, after anything has changed.
        node_leaves: emitted with a node that is about to be removed.
        undone: emitted after an undo or redo.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes, self.settled, self.node_leaves = Signal(), Signal(), Signal()
        self.undone = Signal()
        self._nodes: tuple[Any, Any] = (None, None)
        self._heard: list[tuple[Any, int]] = []
        self._later = Later(0, self._settle)
        scene = slicer.mrmlScene
        for events, signal in (((scene.StartCloseEvent, scene.StartImportEvent), self.changes),
                               ((scene.EndUndoEvent, scene.EndRedoEvent), self.undone)):
            for event in events:
                self.addObserver(scene, event, _emitting(signal))
        for event in (scene.EndCloseEvent, scene.EndImportEvent, scene.NodeAddedEvent):
            self.addObserver(scene, event, self._changed)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._node_leaves)

    def follow(self, volume: Optional[Any], segmentation: Optional[Any]) -> None:
        """Hear as well of these nodes: when voxels arrive, or when segments change elsewhere."""
        nodes = (volume, segmentation)
        if nodes == self._nodes:
            return
        # Not addObserver: it would keep the voxels of a deleted volume in memory.
        for node, tag in self._heard:
            node.RemoveObserver(tag)
        self._nodes = nodes
        self._heard = [(node, node.AddObserver(event, self._changed))
                       for node, events in zip(nodes, _events()) if node is not None for event in events]

    def stop(self) -> None:
        """Tell nothing any more."""
        self.follow(None, None)
        self.removeObservers()
        self._later.forget()

    def _changed(self, caller: Any, event: Any) -> None:
        # A volume gets its voxels after it has come into the scene, and selectors get to know of it in their own time.
        if not self._later.isDue:
            self._later.ask()

    def _settle(self) -> None:
        if slicer.mrmlScene.IsBatchProcessing():
            self._later.ask(_PATIENCE_MS)
        else:
            self.settled.emit()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_leaves(self, caller: Any, event: Any, node: Any) -> None:
        self.node_leaves.emit(node)


def _emitting(signal: Signal) -> Any:
    def emit(caller: Any, event: Any) -> None:
        signal.emit()

    return emit


def _events() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What is shown of a volume and of a segmentation has changed."""
    segmentation = slicer.vtkSegmentation
    return ((slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,),
            (segmentation.SegmentAdded, segmentation.SegmentRemoved, segmentation.SegmentModified,
             segmentation.ContainedRepresentationNamesModified, slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent))
