"""What ends a run from outside: the volume or the scene goes, or the application (touches slicer)."""

from __future__ import annotations

from typing import Callable

import slicer
from slicer import vtkMRMLNode
from slicer.i18n import tr as _


class Watch:
    """Calls back once when a volume is no longer there to work on.

    Args:
        volume_node: in a scene.
        on_gone: gets one sentence.
    """

    def __init__(self, volume_node: vtkMRMLNode, on_gone: Callable[[str], None]) -> None:
        self._volume_node, self._on_gone = volume_node, on_gone
        self._scene = volume_node.GetScene()
        self._tags = [self._scene.AddObserver(slicer.vtkMRMLScene.StartCloseEvent, self._on_close),
                      self._scene.AddObserver(slicer.vtkMRMLScene.NodeRemovedEvent, self._on_removed)]
        slicer.app.connect("aboutToQuit()", self._on_quit)

    def stop(self) -> None:
        """Watch no more; harmless when it has stopped."""
        if not self._tags:
            return
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._tags.clear()
        slicer.app.disconnect("aboutToQuit()", self._on_quit)

    def _on_close(self, *_event: object) -> None:
        self._gone(_("The scene was closed."))

    def _on_removed(self, *_event: object) -> None:
        if not self._scene.IsNodePresent(self._volume_node):
            self._gone(_("The volume {name} was removed.").format(name=self._volume_node.GetName()))

    def _on_quit(self) -> None:
        self._gone(_("The application is quitting."))

    def _gone(self, sentence: str) -> None:
        if self._tags:
            self.stop()
            self._on_gone(sentence)
