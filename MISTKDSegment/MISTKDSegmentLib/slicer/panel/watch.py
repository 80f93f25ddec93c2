"""What ends a run from outside: its volume or the scene changes or goes, or the application (touches slicer)."""

from __future__ import annotations

from typing import Callable

import slicer
import vtk
from slicer import vtkMRMLNode
from slicer.i18n import tr as _


class Watch:
    """Calls back once when a volume is no longer what it was, or no longer there to work on.

    Args:
        volume_node: in a scene.
        on_gone: gets one sentence.
    """

    def __init__(self, volume_node: vtkMRMLNode, on_gone: Callable[[str], None]) -> None:
        self._volume_node, self._on_gone = volume_node, on_gone
        self._scene = volume_node.GetScene()
        self._tags = [self._scene.AddObserver(slicer.vtkMRMLScene.StartCloseEvent, self._on_close),
                      self._scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._on_removed)]
        self._voxels = _voxels(volume_node)
        self._volume_tags = [
            volume_node.AddObserver(slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, self._on_changed),
            # slicer.util.arrayFromVolumeModified tells of no more than this.
            volume_node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._on_modified)]
        slicer.app.connect("aboutToQuit()", self._on_quit)

    def stop(self) -> None:
        """Watch no more; harmless when it has stopped."""
        if not self._tags:
            return
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._tags.clear()
        for tag in self._volume_tags:
            self._volume_node.RemoveObserver(tag)
        slicer.app.disconnect("aboutToQuit()", self._on_quit)

    def _on_close(self, *_event: object) -> None:
        self._gone(_("The scene was closed."))

    def _on_removed(self, *_event: object) -> None:
        if not self._scene.IsNodePresent(self._volume_node):
            self._gone(_("The volume {name} was removed.").format(name=self._volume_node.GetName()))

    def _on_modified(self, *_event: object) -> None:
        if _voxels(self._volume_node) != self._voxels:
            self._on_changed()

    def _on_changed(self, *_event: object) -> None:
        self._gone(_("The voxels of {name} were changed; start again.").format(name=self._volume_node.GetName()))

    def _on_quit(self) -> None:
        self._gone(_("The application is quitting."))

    def _gone(self, sentence: str) -> None:
        if self._tags:
            self.stop()
            self._on_gone(sentence)


def _voxels(volume_node: vtkMRMLNode) -> object:
    """What tells one state of the voxels from another without a look at them."""
    image = volume_node.GetImageData()
    scalars = image.GetPointData().GetScalars() if image is not None else None
    return None if scalars is None else (scalars, scalars.GetMTime())
