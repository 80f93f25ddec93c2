"""A tiny scan in a scene, a run of it, and what a scene looks like before and after."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

SHAPE = (10, 60, 70)
LIVER, SPLEEN = 5, 7


def patient_voxels() -> np.ndarray:
    """A body of 0 HU with a liver (150 HU) on the right and a spleen (270 HU) on the left behind, as LPS."""
    voxels = np.full(SHAPE, -1000, np.int16)
    voxels[:, 5:-5, 5:-5] = 0
    voxels[2:8, 15:35, 10:30] = 150
    voxels[4:9, 38:50, 45:58] = 270
    return voxels


def add_patient(scene: Any, name: str = "CTLiver", voxels: Optional[np.ndarray] = None) -> Any:
    """A volume node of 2 x 2 x 5 mm with the patient in it."""
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    voxels = patient_voxels() if voxels is None else voxels
    image = vtk.vtkImageData()
    image.SetDimensions(voxels.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(voxels.ravel(), deep=True))
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    ijk_to_ras = np.diag([-2.0, -2.0, 5.0, 1.0])
    ijk_to_ras[:3, 3] = 70.0, 60.0, 100.0
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras))
    node.SetAndObserveImageData(image)
    return node


def add_slice_views(scene: Any) -> None:
    """Red, Yellow and Green where the scene has none, Red being axial."""
    import slicer

    for name, orientation in (("Red", "Axial"), ("Yellow", "Sagittal"), ("Green", "Coronal")):
        if slicer.util.getFirstNodeByName(name, "vtkMRMLSliceNode") is None:
            for class_name in ("vtkMRMLSliceNode", "vtkMRMLSliceCompositeNode"):
                node = scene.CreateNodeByClass(class_name)
                node.UnRegister(None)
                node.SetName(name)
                node.SetLayoutName(name)
                node.SetSingletonTag(name)
                scene.AddNode(node)
        slicer.util.getFirstNodeByName(name, "vtkMRMLSliceNode").SetOrientation(orientation)


def slice_view(scene: Any, name: str) -> Any:
    nodes = (scene.GetNthNodeByClass(n, "vtkMRMLSliceNode")
             for n in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")))
    return next(node for node in nodes if node.GetLayoutName() == name)


def look_of(scene: Any) -> tuple:
    """Everything of a scene that a person could notice: nodes, label layers, segments."""
    nodes = [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]
    layers = {node.GetID(): (node.GetLabelVolumeID(), node.GetLabelOpacity(), node.GetBackgroundVolumeID())
              for node in nodes if node.IsA("vtkMRMLSliceCompositeNode")}
    segments = {node.GetID(): [(segment_id, node.GetSegmentation().GetSegment(segment_id).GetMTime())
                               for segment_id in node.GetSegmentation().GetSegmentIDs()]
                for node in nodes if node.IsA("vtkMRMLSegmentationNode")}
    return sorted(node.GetID() for node in nodes), layers, segments


def labels_on_grid(segmentation_node: Any, volume_node: Any, segment_id: str) -> np.ndarray:
    import slicer

    return slicer.util.arrayFromSegmentBinaryLabelmap(segmentation_node, segment_id, volume_node)


class Observer:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.progress: list[tuple[int, int]] = []
        self.finished: list[Any] = []
        self.cancelled: list[str] = []
        self.failed: list[str] = []

    @property
    def ended(self) -> int:
        return len(self.finished) + len(self.cancelled) + len(self.failed)

    def onProgress(self, run: Any) -> None:
        self.progress.append((run.slicesDone, run.slicesTotal))

    def onFinished(self, run: Any) -> None:
        self.finished.append(run)

    def onCancelled(self, run: Any) -> None:
        self.cancelled.append(run.sentence)

    def onFailed(self, run: Any, sentence: str) -> None:
        self.failed.append(sentence)
