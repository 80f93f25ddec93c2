"""Putting a result beside its volume in the subject hierarchy (touches slicer)."""

from __future__ import annotations

from typing import Any, Optional

import slicer


def in_scene(node: Optional[Any]) -> bool:
    """Whether there is a node and nobody has removed it."""
    return node is not None and node.GetScene() is not None


def put_beside(node: Any, volume_node: Any) -> None:
    """Bring a node to the patient, study or folder of a volume, unless the user has put it into another one."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(volume_node.GetScene())
    beside = hierarchy.GetItemByDataNode(volume_node)
    if not beside:
        return
    parent, top = hierarchy.GetItemParent(beside), hierarchy.GetSceneItemID()
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(top, node)
    if hierarchy.GetItemParent(item) == top:
        hierarchy.SetItemParent(item, parent)
