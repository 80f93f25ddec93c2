"""A scan out of a volume node (touches slicer and vtk)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import numpy as np
import slicer
import vtk

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.checks import check_direction, check_extent, check_spacing
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.slicer.scene.translation import _

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_RIGID_TOLERANCE = 1e-4


def why_not_a_ct(node: Optional[Any]) -> Optional[str]:
    """What forbids to segment a node, without a look at its voxels' values.

    Args:
        node: what the user chose, of any class; None where nothing is chosen.

    Returns:
        One sentence, or None where it may be a CT.
    """
    if node is None:
        return _("No volume is chosen; load a CT scan and choose it.")
    return _why_wrong_kind(node) or _why_no_scalars(node) or _why_other_modality(node)


def _why_wrong_kind(node: Any) -> Optional[str]:
    if not node.IsA("vtkMRMLScalarVolumeNode"):
        return _("{name} is not a volume; choose a CT scan.").format(name=node.GetName())
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        return _("{name} is a label map; choose the CT scan that it belongs to.").format(name=node.GetName())
    return None


def _why_no_scalars(node: Any) -> Optional[str]:
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        return _("{name} has no voxels; load it again.").format(name=node.GetName())
    components = image.GetNumberOfScalarComponents()
    if components > 1:
        return _("{name} has {components} values per voxel (colour, vector or complex), not one; "
                 "choose the CT scan itself.").format(name=node.GetName(), components=components)
    return None


def _why_other_modality(node: Any) -> Optional[str]:
    modality = _dicom_modality(node)
    if modality in ("", "CT"):
        return None
    return _("{name} is no CT: its DICOM modality is {modality}; choose a CT scan.").format(
        name=node.GetName(), modality=modality)


def _dicom_modality(node: Any) -> str:
    """The modality that the DICOM reader wrote down; empty where the volume comes from elsewhere."""
    if node.GetScene() is None:
        return ""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    item = hierarchy.GetItemByDataNode(node)
    attribute = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMSeriesModalityAttributeName()
    return hierarchy.GetItemAttribute(item, attribute) if item else ""


def read_volume_node(node: Any) -> Volume:
    """The scan in a volume node, as the user placed it.

    A rigid parent transform is part of the geometry, so that the network sees the patient the way the views do. Any
    other parent transform (scaling, mirroring, warping) is not: the volume then has its own geometry.

    Args:
        node: a scalar volume node.

    Returns:
        LPS geometry; voxels of shape (k, j, i) that are a view of the node's own.

    Raises:
        InputError: what `why_not_a_ct` says, or voxel axes that are not at right angles, or an impossible spacing.
    """
    problem = why_not_a_ct(node)
    if problem:
        raise InputError(problem)
    name = node.GetName() or "volume"
    matrix = RAS_TO_LPS @ rigid_placement(node) @ ijk_to_ras(node)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    check_spacing(Path(name), spacing.tolist())
    check_extent(Path(name), node.GetImageData().GetDimensions(), spacing.tolist())
    check_direction(Path(name), matrix[:3, :3] / spacing)
    x, y, z = matrix[:3, 3].tolist()
    i_mm, j_mm, k_mm = spacing.tolist()
    return Volume(slicer.util.arrayFromVolume(node), (i_mm, j_mm, k_mm), (x, y, z), matrix[:3, :3] / spacing, name)


def ijk_to_ras(node: Any) -> np.ndarray:
    """4 x 4 matrix from (i, j, k, 1) to the volume node's own RAS millimetres, without its parent transform."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def rigid_placement(node: Any) -> np.ndarray:
    """4 x 4 matrix from a node's own RAS to the world's, or the identity where its parent transform is not rigid."""
    to_world = linear_to_world(node)
    return to_world if to_world is not None and _is_rigid(to_world) else np.eye(4)


def axes_in_world(node: Any) -> np.ndarray:
    """3 x 3 matrix with the steps along i, j and k as its columns, in millimetres, as `read_volume_node` sees them."""
    axes: np.ndarray = (rigid_placement(node) @ ijk_to_ras(node))[:3, :3]
    return axes


def linear_to_world(node: Any) -> Optional[np.ndarray]:
    """4 x 4 matrix from a node's own RAS to the world's; None where a parent transform is not linear."""
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        return None
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def _is_rigid(matrix: np.ndarray) -> bool:
    axes = matrix[:3, :3]
    return np.allclose(axes.T @ axes, np.eye(3), atol=_RIGID_TOLERANCE) and np.linalg.det(axes) > 0
