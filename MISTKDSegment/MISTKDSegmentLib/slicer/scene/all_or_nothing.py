"""Changes to the scene that are made whole or not at all (touches vtk)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Optional

import vtk

from MISTKDSegmentLib.slicer.scene.placement import in_scene


@contextmanager
def all_or_nothing(scene: Any, node: Optional[Any] = None) -> Iterator[None]:
    """Where the block raises, remove the nodes that it has added and give a node its former content back.

    Args:
        scene: where the block adds nodes.
        node: what else it changes, kept as a copy meanwhile; None where it only adds.
    """
    ids, kept = {other.GetID() for other in _nodes(scene)}, _copies(node)
    try:
        yield
    except BaseException:  # raised again below
        # The last first, so that a node goes before what it refers to; singletons are the application's.
        for added in reversed([other for other in _nodes(scene) if other.GetID() not in ids]):
            if not added.GetSingletonTag():
                scene.RemoveNode(added)
        for original, copy in kept:
            original.Copy(copy)
        raise


def save_for_undo(scene: Any, nodes: Iterable[Optional[Any]]) -> None:
    """Make one undo step of what follows, where the scene keeps undo steps.

    Args:
        scene: what follows may add any nodes to it.
        nodes: those there already that will change; the scene copies them alone, and only where undo is on for them.
    """
    changing = vtk.vtkCollection()
    for node in nodes:
        for each in _with_displays(node):
            changing.AddItem(each)
    scene.SaveStateForUndo(changing)


def _nodes(scene: Any) -> list[Any]:
    return [scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes())]


def _copies(node: Optional[Any]) -> list[tuple[Any, Any]]:
    copies = [(each, each.NewInstance()) for each in _with_displays(node)]
    for original, copy in copies:
        copy.Copy(original)
    return copies


def _with_displays(node: Optional[Any]) -> Sequence[Any]:
    """A node of the scene, then its display nodes, which follow it when they are copied."""
    if node is None or not in_scene(node):
        return []
    count = node.GetNumberOfDisplayNodes() if node.IsA("vtkMRMLDisplayableNode") else 0
    return [node, *(node.GetNthDisplayNode(n) for n in range(count))]
