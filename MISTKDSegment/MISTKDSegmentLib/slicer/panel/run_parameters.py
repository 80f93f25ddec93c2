"""What to segment and where to put it, and whether that makes sense (touches slicer)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from slicer.i18n import tr as _

from MISTKDSegmentLib.child.job import Options
from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.model.bundle import Bundle
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.slicer.scene.roi import region_from_roi
from MISTKDSegmentLib.slicer.scene.volume_node import why_not_a_ct


@dataclass
class RunParameters:
    """What to segment and where to put it.

    Attributes:
        volumeNode: the CT, a vtkMRMLScalarVolumeNode in a scene.
        bundle: folder of the model.
        segmentationNode: where the organs go; None makes a new one.
        organs: name of the one, or names of those, wanted; None means all that the model knows.
        threads: for the network; 0 means as many as there are cores.
        slice_step_mm: between the slices that are run; None or 0 means as the model says.
        postprocess: whether organs are cleaned up as the model says.
        roiNode: markups ROI that limits the run.
        tableNode: where the measurements go; None makes a new one.
        writeTable: whether there is to be a table node at all.
        showProgress: whether the organs appear in the slice views as they are found; those of an oblique volume are
            not known before the end.
    """

    volumeNode: Any
    bundle: Path
    segmentationNode: Any = None
    organs: Union[str, Sequence[str], None] = None
    threads: int = 0
    slice_step_mm: Optional[float] = None
    postprocess: bool = True
    roiNode: Any = None
    tableNode: Any = None
    writeTable: bool = True
    showProgress: bool = True


def chosen_labels(bundle: Bundle, organs: Union[str, Sequence[str], None]) -> tuple[Label, ...]:
    """The labels of the organs that are wanted, each once; a lone name means that one.

    Raises:
        BundleError: the model does not know one.
        InputError: none is wanted.
    """
    if organs is None:
        return bundle.labels
    if not organs:
        raise InputError(_("No organ is wanted; choose at least one."))
    names = [organs] if isinstance(organs, str) else organs
    return tuple(bundle.label(name) for name in dict.fromkeys(names))


def check_parameters(parameters: RunParameters) -> None:
    """Find out before anything is started whether a run makes sense.

    Raises:
        InputError: the volume is no CT in a scene, a node is of the wrong kind, or a number is out of range.
    """
    check_volume(parameters.volumeNode)
    for node, kind, what in ((parameters.segmentationNode, "vtkMRMLSegmentationNode", _("segmentation")),
                             (parameters.roiNode, "vtkMRMLMarkupsROINode", _("region of interest")),
                             (parameters.tableNode, "vtkMRMLTableNode", _("table"))):
        if node is not None and not (hasattr(node, "IsA") and node.IsA(kind)):
            raise InputError(_("The node for the {what} is no {kind}; give one, or None.").format(
                what=what, kind=kind))
    if parameters.threads < 0:
        raise InputError(_("{count} threads make no sense; give 0 for all cores, or more.").format(
            count=parameters.threads))
    if parameters.slice_step_mm is not None and not 0 <= parameters.slice_step_mm < math.inf:
        raise InputError(_("A slice step of {step} mm makes no sense; give a number above 0, or None.").format(
            step=parameters.slice_step_mm))


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


def options_of(parameters: RunParameters, labels: Sequence[Label]) -> Options:
    """What the child is to do.

    Raises:
        InputError: nobody has drawn the box of the region yet.
    """
    region: Optional[Region] = None
    if parameters.roiNode is not None:
        region = region_from_roi(parameters.roiNode, parameters.volumeNode)
    return Options(bundle=Path(parameters.bundle), threads=parameters.threads, region=region,
                   organs=tuple(label.name for label in labels),
                   slice_step_mm=parameters.slice_step_mm or None, postprocess=parameters.postprocess)
