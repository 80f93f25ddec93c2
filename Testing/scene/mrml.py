"""A scene as Slicer's application has it, and nodes in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from MISTKDSegmentLib.geometry.volume import Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def real_scan(file: str) -> Path:
    path = Path(__file__).resolve().parents[3] / "shared" / "ct" / file
    if not path.exists():
        pytest.skip(f"the real scan {path} is not here")
    return path


class World:
    """A scene with the logics that register nodes and conversions; `scene` is what the code under test sees."""

    def __init__(self) -> None:
        self.scene = slicer.vtkMRMLScene()
        self.application = slicer.vtkSlicerApplicationLogic()
        self.application.SetMRMLScene(self.scene)
        self.segmentations = self._logic(slicer.vtkSlicerSegmentationsModuleLogic)
        self.sequences = self._logic(slicer.vtkSlicerSequencesLogic)
        self.hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)

    def _logic(self, logic_class: Any) -> Any:
        logic = logic_class()
        logic.SetMRMLApplicationLogic(self.application)
        logic.SetMRMLScene(self.scene)
        return logic

    def node(self, class_name: str, name: str = "") -> Any:
        return self.scene.AddNewNodeByClass(class_name, name)

    def volume(self, voxels: np.ndarray, ijk_to_ras: Optional[np.ndarray] = None, name: str = "scan",
               class_name: str = "vtkMRMLScalarVolumeNode") -> Any:
        node = self.node(class_name, name)
        image = vtk.vtkImageData()
        image.SetDimensions(voxels.shape[2], voxels.shape[1], voxels.shape[0])
        image.GetPointData().SetScalars(numpy_to_vtk(voxels.ravel(), deep=True))
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.eye(4) if ijk_to_ras is None else ijk_to_ras))
        node.SetAndObserveImageData(image)
        return node

    def volume_of(self, volume: Volume) -> Any:
        return self.volume(volume.voxels, LPS_TO_RAS @ volume.ijk_to_lps, volume.name)

    def loaded(self, path: Path, class_name: str = "vtkMRMLScalarVolumeNode") -> Any:
        """What Slicer's own reader makes of a file or a DICOM folder."""
        node, storage = self.node(class_name, path.name), self.node("vtkMRMLVolumeArchetypeStorageNode")
        storage.SetCenterImage(False)
        # In the order in which Slicer's DICOM reader passes the files on: by position.
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path)) if path.is_dir() else (str(path),)
        storage.SetSingleFile(len(files) == 1)
        storage.SetFileName(files[0])
        for file in files:
            storage.AddFileName(file)
        assert storage.ReadData(node)
        return node

    def transform(self, matrix: np.ndarray) -> Any:
        node = self.node("vtkMRMLLinearTransformNode", "transform")
        node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.asarray(matrix, float)))
        return node

    def warp(self, shift_mm: tuple[float, float, float], slope: float = 0.0) -> Any:
        """A grid transform that moves everything by `shift_mm`, and along x by `slope` times x more."""
        grid = vtk.vtkImageData()
        grid.SetDimensions(5, 5, 5)
        grid.SetOrigin(-200.0, -200.0, -200.0)
        grid.SetSpacing(100.0, 100.0, 100.0)
        grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
        for point in range(grid.GetNumberOfPoints()):
            x = grid.GetPoint(point)[0]
            grid.GetPointData().GetScalars().SetTuple3(point, shift_mm[0] + slope * x, shift_mm[1], shift_mm[2])
        transform = slicer.vtkOrientedGridTransform()
        transform.SetDisplacementGridData(grid)
        transform.SetInterpolationModeToLinear()
        node = self.node("vtkMRMLGridTransformNode", "warp")
        node.SetAndObserveTransformToParent(transform)
        return node

    def count(self, class_name: str) -> int:
        return self.scene.GetNumberOfNodesByClass(class_name)


def segment_mask(node: Any, segment_id: str, volume_node: Any) -> np.ndarray:
    """Bool (k, j, i) of one segment on a volume's grid, resampled through the geometries, as an export does."""
    image = slicer.vtkOrientedImageData()
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    ids = vtk.vtkStringArray()
    ids.InsertNextValue(segment_id)
    logic.GenerateMergedLabelmapInReferenceGeometry(
        node, volume_node, ids, slicer.vtkSegmentation.EXTENT_REFERENCE_GEOMETRY, image)
    scalars = vtk_to_numpy(image.GetPointData().GetScalars())
    return scalars.reshape(image.GetDimensions()[::-1]) > 0


def segment_ras(node: Any, segment_id: str) -> np.ndarray:
    """Positions of a segment's voxels in the world, n x 3, straight from the segment's own image and transform."""
    image = slicer.vtkOrientedImageData()
    assert node.GetBinaryLabelmapRepresentation(segment_id, image)
    scalars = vtk_to_numpy(image.GetPointData().GetScalars())
    k, j, i = np.nonzero(scalars.reshape(image.GetDimensions()[::-1]) > 0)
    extent = image.GetExtent()
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    points = np.stack([i + extent[0], j + extent[2], k + extent[4], np.ones(len(i))])
    own = (slicer.util.arrayFromVTKMatrix(matrix) @ points)[:3].T
    to_world = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(node.GetParentTransformNode(), None, to_world)
    return np.array([to_world.TransformPoint(point) for point in own])


def segment_ids(node: Any) -> list[str]:
    return list(node.GetSegmentation().GetSegmentIDs())
