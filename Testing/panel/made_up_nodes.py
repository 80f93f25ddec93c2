"""Made-up scans and results in a scene, small and quick."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import slicer

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.table import OrganRow


def ct_node(name: str = "CT", fill_hu: int = 0) -> Any:
    """A CT of 4 x 5 x 6 voxels of 1 x 1 x 3 mm, all alike but for one of air."""
    voxels = np.full((6, 5, 4), fill_hu, np.int16)
    voxels[0, 0, 0] = -1000
    node = slicer.util.addVolumeFromArray(voxels, name=name)
    node.SetSpacing(1.0, 1.0, 3.0)
    return node


def organ_row(name: str, volume_ml: float = 100.0, mean_hu: Optional[float] = 50.0, voxels: int = 1000,
              touches_edge: bool = False) -> OrganRow:
    label = next(label for label in ABDOMEN_LABELS if label.name == name)
    return OrganRow(label, volume_ml, mean_hu, voxels, touches_edge)


def result_nodes(volume: Any, rows: list[OrganRow]) -> tuple[Any, Any]:
    """A segmentation of those organs, one voxel each, and the table of them, as a run leaves them in the scene."""
    from MISTKDSegmentLib.slicer.scene.organ_table_node import write_table_node
    from MISTKDSegmentLib.slicer.scene.segmentation_node import write_segmentation_node

    labels = np.zeros((6, 5, 4), np.uint8)
    for index, row in enumerate(rows):
        labels.flat[index] = row.label.value if row.voxels else 0
    table = [row.label for row in rows]
    return (write_segmentation_node(labels, volume, None, table, "Organs"),
            write_table_node(rows, None, "Table", volume))
