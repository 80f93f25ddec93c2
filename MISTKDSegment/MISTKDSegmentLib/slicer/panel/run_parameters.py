"""What to segment and where to put it, and whether that makes sense (touches slicer)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from MISTKDSegmentLib.child.job import Order
from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions
from MISTKDSegmentLib.slicer.scene.roi import region_from_roi
from MISTKDSegmentLib.slicer.scene.volume_node import why_not_a_ct


@dataclass
class RunParameters:
    """What to segment and where to put it.

    Attributes:
        volumeNode: the CT, a vtkMRMLScalarVolumeNode in a scene.
        bundle: folder of the model.
        options: how to segment.
        segmentationNode: where the organs go; None makes a new one.
        roiNode: markups ROI that limits the run; None leaves the region of the options.
        tableNode: where the measurements go; None makes a new one.
        writeTable: whether there is to be a table node at all.
        showProgress: whether the organs appear in the slice views as they are found; those of an oblique volume are
            not known before the end.
    """

    volumeNode: Any
    bundle: Path
    options: SegmentOptions = DEFAULTS
    segmentationNode: Any = None
    roiNode: Any = None
    tableNode: Any = None
    writeTable: bool = True
    showProgress: bool = True


def check_parameters(parameters: RunParameters) -> None:
    """Find out before anything is started whether a run makes sense.

    Raises:
        InputError: the volume is no CT in a scene, or a node is of the wrong kind.
    """
    check_volume(parameters.volumeNode)
    for node, kind, what in ((parameters.segmentationNode, "vtkMRMLSegmentationNode", _("segmentation")),
                             (parameters.roiNode, "vtkMRMLMarkupsROINode", _("region of interest")),
                             (parameters.tableNode, "vtkMRMLTableNode", _("table"))):
        if node is not None and not (hasattr(node, "IsA") and node.IsA(kind)):
            raise InputError(_("The node for the {what} is no {kind}; give one, or None.").format(
                what=what, kind=kind))


def check_volume(volume_node: Any) -> None:
    """Find out whether a node may be segmented at all.

    Raises:
        InputError: it is no CT volume in a scene.
    """
    problem = why_not_a_ct(volume_node)
    if problem:
        raise InputError(problem)
    if volume_node.GetScene() is None:
        raise InputError(_("The volume {name} is in no scene; add it to one.").format(name=volume_node.GetName()))


def order_of(parameters: RunParameters) -> Order:
    """What the child is to do.

    Raises:
        InputError: nobody has drawn the box of the region yet.
    """
    options = parameters.options
    if parameters.roiNode is not None:
        options = replace(options, region=region_from_roi(parameters.roiNode, parameters.volumeNode))
    return Order(Path(parameters.bundle), options)
