"""What a run found, written into the scene: all of it or nothing (touches slicer)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.report.table import OrganRow
from MISTKDSegmentLib.slicer.scene.all_or_nothing import all_or_nothing, save_for_undo
from MISTKDSegmentLib.slicer.scene.new_labels import NewLabels
from MISTKDSegmentLib.slicer.scene.organ_table_node import write_table_node
from MISTKDSegmentLib.slicer.scene.segmentation_node import put_segments
from MISTKDSegmentLib.slicer.scene.translation import _


@dataclass(frozen=True)
class Findings:
    """What a run found.

    Attributes:
        labels: on the volume's grid; None where nothing was found.
        asked: the organs that were asked for.
        order: all organs that the model knows, in its order.
        rows: what was measured of each organ.
        doubts: see `write_table_node`.
    """

    labels: Optional[NewLabels]
    asked: Sequence[Label]
    order: Sequence[Label]
    rows: Sequence[OrganRow]
    doubts: Sequence[tuple[str, str]] = ()


def write_result(result: Findings, volumeNode: Any, segmentationNode: Optional[Any], tableNode: Optional[Any], *,
                 write_table: bool = True) -> tuple[Any, Optional[Any]]:
    """Write a segmentation and a table of it, as one step for undo; where anything fails, the scene stays as it was.

    Args:
        result: what to write.
        volumeNode: what was segmented, in a scene.
        segmentationNode, tableNode: what to update; None means new ones beside the volume.
        write_table: whether there is to be a table at all.

    Returns:
        The two nodes.
    """
    scene, name = volumeNode.GetScene(), volumeNode.GetName()
    table = tableNode if write_table else None
    save_for_undo(scene, (segmentationNode, table))
    # The table first: it is the cheaper one to keep a copy of until the other is written.
    with all_or_nothing(scene, table):
        if write_table:
            table = write_table_node(result.rows, table, _("{volume} organs").format(volume=name), volumeNode,
                                     result.doubts)
        segmentation = put_segments(result.labels, volumeNode, segmentationNode, result.asked,
                                    _("{volume} segmentation").format(volume=name), result.order)
    return segmentation, table
