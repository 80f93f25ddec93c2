"""Everything that a person chose in the panel, kept in the scene (touches slicer)."""

from typing import Annotated

from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkMRMLTableNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


# No `from __future__ import annotations` here: the wrapper needs the types themselves.
@parameterNodeWrapper
class MISTKDSegmentParameters:
    """What a saved scene brings back.

    Attributes:
        inputVolume: the CT.
        segmentation: where the organs go; None makes a new one.
        organTable: the results.
        roi: box that limits the run where `useRoi` is set.
        model: name and version of the model, "" for the one that ships.
        leftOutOrgans: names of the organs that are not ticked. Those that are would not do: another model's organs
            shall be ticked at first.
        threads: for the network; 0 means all cores.
        sliceStepMm: between the slices that are run; 0 means as the model says.
        postprocess: whether organs are post-processed.
        preview: whether the visible slice is segmented at once.
        useRoi: whether the run is limited to `roi`.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    organTable: vtkMRMLTableNode
    roi: vtkMRMLMarkupsROINode
    model: str = ""
    leftOutOrgans: list[str]
    threads: Annotated[int, WithinRange(0, 64)] = 0
    sliceStepMm: Annotated[float, WithinRange(0, 20)] = 0.0
    postprocess: bool = True
    preview: bool = False
    useRoi: bool = False
