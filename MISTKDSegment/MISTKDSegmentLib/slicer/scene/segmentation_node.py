"""Labels into a segmentation node, in one import (touches slicer and vtk)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import slicer
import vtk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.slicer.scene.all_or_nothing import all_or_nothing
from MISTKDSegmentLib.slicer.scene.new_labels import NewLabels, at_once, crop_labels
from MISTKDSegmentLib.slicer.scene.placement import in_scene, put_beside
from MISTKDSegmentLib.slicer.scene.segment_terminology import describe_segment
from MISTKDSegmentLib.slicer.scene.shared_layer import KeptSegment, SharedLayer, kept_segment
from MISTKDSegmentLib.slicer.scene.translation import _
from MISTKDSegmentLib.slicer.scene.volume_node import ijk_to_ras

# Tells the segments of earlier runs, which may change their layer, from the user's own, which are not touched.
_OURS_TAG = "MISTKDSegment.organ"


def write_segmentation_node(labels: np.ndarray, volumeNode: Any, segmentationNode: Optional[Any],
                            labelTable: Sequence[Label], name: str) -> Any:
    """Make segments of labels, as `put_segments` does, at once.

    Args:
        labels: uint8 (k, j, i) on the volume's grid.
        volumeNode, segmentationNode, labelTable, name: as in `put_segments`.

    Returns:
        The segmentation.

    Raises:
        InputError: the volume has another shape, because somebody changed it during the run.
    """
    check_shape(labels, volumeNode)
    new = at_once(crop_labels(labels, labelTable))
    return put_segments(new, volumeNode, segmentationNode, labelTable, name)


def put_segments(new: Optional[NewLabels], volumeNode: Any, segmentationNode: Optional[Any],
                 labelTable: Sequence[Label], name: str, order: Sequence[Label] = ()) -> Any:
    """Make segments of labels: one import, one shared label map, no temporary nodes.

    Segments of the same organs, which a segmentation may have from an earlier run, are replaced where they are in
    its list; those that are new there take their place among the model's. All its other segments stay as they are.
    Where anything fails, a new segmentation is removed again and one that was there keeps what it had.

    Args:
        new: the labels, on the volume's grid; None where no organ was found.
        volumeNode: the volume, in a scene. The segmentation gets its reference geometry, and, unless there are other
            segments in it, its parent transform.
        segmentationNode: what to update; None, a node that is no longer in the scene, and a segmentation made of
            surfaces mean a new one beside the volume.
        labelTable: the organs that were asked for. Those without a voxel get no segment, and lose that of an
            earlier run.
        name: of a new segmentation.
        order: all organs that the model knows, in its order; by default those that were asked for.

    Returns:
        The segmentation, without 3-D surfaces unless it had them before.
    """
    scene = volumeNode.GetScene()
    updated = segmentationNode if _takes_labels(segmentationNode) else None
    with all_or_nothing(scene, updated):
        node = _new_segmentation_node(scene, name) if updated is None else updated
        _update(node, new, volumeNode, labelTable, [label.name for label in order or labelTable])
    return node


def show_3d(segmentationNode: Any, shown: bool) -> None:
    """Make the surfaces of a segmentation and show them in the 3-D views, or remove them.

    Making those of eight organs takes seconds.
    """
    if not shown:
        segmentationNode.RemoveClosedSurfaceRepresentation()
        return
    segmentationNode.CreateClosedSurfaceRepresentation()
    segmentationNode.CreateDefaultDisplayNodes()
    display = segmentationNode.GetDisplayNode()
    display.SetPreferredDisplayRepresentationName3D(_surface_name())
    display.SetVisibility3D(True)


def check_shape(labels: np.ndarray, volumeNode: Any) -> None:
    """Find out whether labels are still on the grid of their volume.

    Raises:
        InputError: the volume has another shape, because somebody changed it during the run.
    """
    image = volumeNode.GetImageData()
    if image is None or image.GetDimensions()[::-1] != labels.shape:
        raise InputError(_("The volume {name} got another size during the run; start again.").format(
            name=volumeNode.GetName()))


def _takes_labels(node: Optional[Any]) -> bool:
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    return node is not None and in_scene(node) and node.GetSegmentation().GetSourceRepresentationName() == name


def _new_segmentation_node(scene: Any, name: str) -> Any:
    return scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(name))


def _update(node: Any, new: Optional[NewLabels], volume_node: Any, label_table: Sequence[Label],
            order: Sequence[str]) -> None:
    shown = node.GetSegmentation().ContainsRepresentation(_surface_name())
    with slicer.util.NodeModify(node):
        _place(node, volume_node, label_table)
        _replace_segments(node, new, volume_node, label_table, order)
    if shown:
        node.CreateClosedSurfaceRepresentation()
    # Last: the place in the hierarchy is no part of the node, so it would not come back if the rest failed.
    put_beside(node, volume_node)


def _place(node: Any, volume_node: Any, label_table: Sequence[Label]) -> None:
    """Geometry, transform and display."""
    # Another parent transform would move the segments that stay.
    if not _other_segments(node, label_table):
        node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.CreateDefaultDisplayNodes()


def _other_segments(node: Any, label_table: Sequence[Label]) -> list[str]:
    asked = {label.name for label in label_table}
    return [segment_id for segment_id in node.GetSegmentation().GetSegmentIDs() if segment_id not in asked]


def _replace_segments(node: Any, new: Optional[NewLabels], volume_node: Any, label_table: Sequence[Label],
                      order: Sequence[str]) -> None:
    segmentation, found = node.GetSegmentation(), new.found if new else []
    for label in label_table:
        if label not in found and segmentation.GetSegment(label.name):
            segmentation.RemoveSegment(label.name)
    if new is None:
        return
    added = [label.name for label in found if not segmentation.GetSegment(label.name)]
    kept = _segments_to_go_along(node, volume_node, label_table)
    _import(node, SharedLayer(new, kept, ijk_to_ras(volume_node)), volume_node)
    for label in found:
        segment = segmentation.GetSegment(label.name)
        describe_segment(segment, label)
        segment.SetTag(_OURS_TAG, label.name)
    places = in_their_places(segmentation.GetSegmentIDs(), added, order)
    if places != list(segmentation.GetSegmentIDs()):
        segmentation.ReorderSegments(places)


def in_their_places(ids: Sequence[str], added: Sequence[str], order: Sequence[str]) -> list[str]:
    """The ids with those that were added behind the one before them in an order, else before the one after them.

    Examples:
        >>> in_their_places(["spleen", "mine", "liver", "aorta"], ["liver", "aorta"], ["aorta", "liver", "spleen"])
        ['aorta', 'liver', 'spleen', 'mine']
    """
    places = [name for name in ids if name not in added]
    for name in sorted(added, key=order.index):
        place = order.index(name)
        before = [places.index(other) + 1 for other in order[:place] if other in places]
        after = [places.index(other) for other in order[place + 1:] if other in places]
        places.insert((before[-1:] or after[:1] or [len(places)])[0], name)
    return places


def _segments_to_go_along(node: Any, volume_node: Any, label_table: Sequence[Label]) -> list[KeptSegment]:
    """Organs of earlier runs that were not asked for now.

    Left where they are, each run for some organs would add a label map.
    """
    if node.GetParentTransformNode() is not volume_node.GetParentTransformNode():
        return []
    segmentation, matrix = node.GetSegmentation(), ijk_to_ras(volume_node)
    ours = [segment_id for segment_id in _other_segments(node, label_table)
            if segmentation.GetSegment(segment_id).HasTag(_OURS_TAG)]
    found = (kept_segment(node, segment_id, matrix) for segment_id in ours)
    return [segment for segment in found if segment is not None]


def _import(node: Any, layer: SharedLayer, volume_node: Any) -> None:
    ids = vtk.vtkStringArray()
    for segment_id in layer.segment_ids:
        ids.InsertNextValue(segment_id)
    transform = None
    if node.GetParentTransformNode() is not volume_node.GetParentTransformNode():
        transform = vtk.vtkGeneralTransform()
        slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(
            volume_node.GetParentTransformNode(), node.GetParentTransformNode(), transform)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    if not logic.ImportLabelmapToSegmentationNode(layer.image, node, ids, transform):
        # Without the name of the node, which may be a patient's: this goes to the log.
        raise RuntimeError("the labels could not be imported into the segmentation")


def _surface_name() -> str:
    return slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
