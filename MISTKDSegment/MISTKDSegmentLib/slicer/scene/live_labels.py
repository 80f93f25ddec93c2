"""Labels of a run that is under way, in the slice views (touches slicer)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from MISTKDSegmentLib.inference.progress import Filled
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.slicer.scene.placement import in_scene
from MISTKDSegmentLib.slicer.scene.volume_node import ijk_to_ras

# As a segmentation is filled: the scan stays visible below.
_OPACITY = 0.5


class _Layer(NamedTuple):
    """What the label layer of a slice view showed before."""

    volume_id: Optional[str]
    opacity: float


# Of a view that came to the labels by itself, e.g. linked to another one: what a new view has.
_EMPTY = _Layer(None, 1.0)


class LiveLabels:
    """A label map on a volume's grid in the label layer of all slice views, until `remove`.

    Its nodes are hidden from selectors and data tree, and are not saved with the scene.
    """

    def __init__(self, volumeNode: Any, labelTable: Sequence[Label]) -> None:
        """Show an empty label map.

        Args:
            volumeNode: the volume, in a scene.
            labelTable: names and colours.
        """
        self._scene = volumeNode.GetScene()
        self._before: dict[str, _Layer] = {}
        self._nodes = [self._add_colors(labelTable)]
        self._nodes.insert(0, self._add_display(self._nodes[0]))
        self._nodes.insert(0, self._add_label_map(volumeNode, self._nodes[0]))
        self._show()

    def update(self, labels: np.ndarray, filled: Optional[Filled]) -> None:
        """Take over what is new, also into slice views that were opened since; nothing happens after `remove`.

        Args:
            labels: uint8 (k, j, i) on the volume's grid.
            filled: which slab of it is new; None for all of it.
        """
        if not self._nodes or not in_scene(self._nodes[0]):
            return
        index = filled.index if filled else (slice(None),)
        slicer.util.arrayFromVolume(self._nodes[0])[index] = labels[index]
        slicer.util.arrayFromVolumeModified(self._nodes[0])
        self._show()

    def remove(self) -> None:
        """Give the label layers back and delete the nodes; harmless when these, or the scene's, are gone."""
        nodes, self._nodes = self._nodes, []
        try:
            if nodes:
                self._restore(nodes[0].GetID() if in_scene(nodes[0]) else None)
        finally:
            for node in filter(in_scene, nodes):
                self._scene.RemoveNode(node)

    def _add_colors(self, label_table: Sequence[Label]) -> Any:
        colors = self._new_node("vtkMRMLColorTableNode")
        colors.SetTypeToUser()
        colors.SetNumberOfColors(max(label.value for label in label_table) + 1)
        for value in range(colors.GetNumberOfColors()):
            colors.SetColor(value, "", 0.0, 0.0, 0.0, 0.0)
        for label in label_table:
            red, green, blue = (channel / 255 for channel in label.color)
            colors.SetColor(label.value, label.title, red, green, blue, 1.0)
        return self._scene.AddNode(colors)

    def _add_display(self, colors: Any) -> Any:
        display = self._scene.AddNode(self._new_node("vtkMRMLLabelMapVolumeDisplayNode"))
        display.SetAndObserveColorNodeID(colors.GetID())
        return display

    def _add_label_map(self, volume_node: Any, display: Any) -> Any:
        label_map = self._new_node("vtkMRMLLabelMapVolumeNode")
        label_map.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras(volume_node)))
        image = vtk.vtkImageData()
        image.SetDimensions(volume_node.GetImageData().GetDimensions())
        # Memory that the system hands over as zeros: to fill it would halt the window for a moment.
        image.GetPointData().SetScalars(numpy_to_vtk(np.zeros(image.GetNumberOfPoints(), np.uint8)))
        label_map.SetAndObserveImageData(image)
        self._scene.AddNode(label_map)
        label_map.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
        label_map.SetAndObserveDisplayNodeID(display.GetID())
        return label_map

    def _new_node(self, class_name: str) -> Any:
        node = self._scene.CreateNodeByClass(class_name)
        node.UnRegister(None)  # it came with a reference that Python would never give back
        node.SetName("MISTKDSegment preview")
        # Before it is in the scene, or selectors and data tree have it listed already.
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        node.SetUndoEnabled(False)
        return node

    def _slice_views(self) -> Iterator[Any]:
        name = "vtkMRMLSliceCompositeNode"
        return (self._scene.GetNthNodeByClass(n, name) for n in range(self._scene.GetNumberOfNodesByClass(name)))

    def _show(self) -> None:
        # Once per view: what the user chooses to see later counts more.
        new = [view for view in self._slice_views() if view.GetID() not in self._before]
        # All of them first: where the views are linked, what one is told changes the others at once.
        self._before.update({view.GetID(): _Layer(view.GetLabelVolumeID(), view.GetLabelOpacity()) for view in new})
        for view in new:
            view.SetLabelVolumeID(self._nodes[0].GetID())
            view.SetLabelOpacity(_OPACITY)

    def _restore(self, own_id: Optional[str]) -> None:
        # All of them first, as in `_show`.
        for view, layer in [(view, self._layer_again(view, own_id)) for view in self._slice_views()]:
            view.SetLabelVolumeID(layer.volume_id)
            view.SetLabelOpacity(layer.opacity)

    def _layer_again(self, view: Any, own_id: Optional[str]) -> _Layer:
        """What a view is to show from now on."""
        now, before = _Layer(view.GetLabelVolumeID(), view.GetLabelOpacity()), self._before.get(view.GetID())
        if own_id is not None and now.volume_id == own_id:
            return before or _EMPTY
        # Data that was loaded meanwhile takes the label map out of the views, but leaves its opacity there.
        return now._replace(opacity=before.opacity) if before and now.opacity == _OPACITY else now
