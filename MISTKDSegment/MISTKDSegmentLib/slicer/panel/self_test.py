"""The module's own test: a made-up CT is segmented, a run is cancelled, bad input is refused (touches slicer)."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk

from MISTKDSegmentLib.errors import SegmentError
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.phantom.abdomen import make_phantom
from MISTKDSegmentLib.slicer.panel.logic import MISTKDSegmentLogic, RunParameters

# What the model that ships reaches on the made-up patient, less a margin.
LIVER_DICE = 0.85
_SPACING_MM = (2.0, 2.0, 5.0)


def run_checks(case: Any) -> None:
    """Run every check, each in an empty scene.

    Args:
        case: a ScriptedLoadableModuleTest, for its assertions and messages.

    Raises:
        unittest.SkipTest: onnxruntime is not installed.
    """
    if MISTKDSegmentLogic().onnxRuntime.state() != "ready":
        case.skipTest("onnxruntime is not installed; the module's panel installs it.")
    for check in (check_segmentation, check_cancelling, check_bad_input):
        slicer.mrmlScene.Clear()
        case.delayDisplay(str(check.__doc__))
        check(case)
    case.delayDisplay("MISTKDSegment works.")


def check_segmentation(case: Any) -> None:
    """A made-up CT is segmented."""
    node, truth = _phantom_node()
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    segmentation = MISTKDSegmentLogic().segment(node, tableNode=table)
    _check_segments(case, segmentation, node)
    liver = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "liver", node) > 0
    real = truth == next(label.value for label in ABDOMEN_LABELS if label.name == "liver")
    case.assertGreater(2 * (liver & real).sum() / (liver.sum() + real.sum()), LIVER_DICE)
    case.assertEqual(table.GetNumberOfRows(), len(ABDOMEN_LABELS))
    # The table's first two columns are the organ and its volume in mL.
    volumes_ml = {table.GetTable().GetValue(row, 0).ToString(): table.GetTable().GetValue(row, 1).ToDouble()
                  for row in range(table.GetNumberOfRows())}
    case.assertAlmostEqual(volumes_ml["Liver"], liver.sum() * np.prod(_SPACING_MM) / 1000, delta=0.01)


def check_cancelling(case: Any) -> None:
    """A run is cancelled while it is under way."""
    node, _truth = _phantom_node()
    before, heard = _node_ids(), _CancelsAtOnce()
    logic = MISTKDSegmentLogic()
    run = logic.start(RunParameters(volumeNode=node, bundle=logic.modelFolder()), heard)
    run.wait()
    case.assertFalse(run.isRunning)
    case.assertGreater(run.slicesDone, 0)
    case.assertEqual(heard.names, ["cancelled"])
    slicer.app.processEvents()
    case.assertEqual(_node_ids(), before)


def check_bad_input(case: Any) -> None:
    """What is no CT is refused."""
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    scan, _truth = _phantom_node()
    before = _node_ids()
    for node in (None, labels, empty):
        with case.assertRaises(SegmentError) as caught:
            MISTKDSegmentLogic().segment(node)
        # Slicer may speak any language; the name of what is refused stays the same.
        case.assertIn(node.GetName() if node else "", str(caught.exception))
    with case.assertRaises(SegmentError) as caught:
        MISTKDSegmentLogic().segment(scan, organs=["heart"])
    case.assertIn("heart", str(caught.exception))
    case.assertEqual(_node_ids(), before)


class _CancelsAtOnce:
    """Cancels a run when its first slices are done, and notes what the run reports at its end."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def onProgress(self, run: Any) -> None:
        if run.slicesDone:
            run.cancel()

    def onFinished(self, run: Any) -> None:
        self.names.append("finished")

    def onCancelled(self, run: Any) -> None:
        self.names.append("cancelled")

    def onFailed(self, run: Any, sentence: str) -> None:
        self.names.append("failed")


def _check_segments(case: Any, segmentation: Any, volume: Any) -> None:
    segments = segmentation.GetSegmentation()
    case.assertIsNotNone(segments.GetSegment("liver"))
    known = {label.name: label for label in ABDOMEN_LABELS}
    for index in range(segments.GetNumberOfSegments()):
        label, segment = known[segments.GetNthSegmentID(index)], segments.GetNthSegment(index)
        case.assertEqual(segment.GetName(), label.title)
        np.testing.assert_allclose(segment.GetColor(), np.array(label.color) / 255, atol=0.01)
        case.assertIn(label.type.value, _terminology(segment))
    role = segmentation.GetReferenceImageGeometryReferenceRole()
    case.assertIs(segmentation.GetNodeReference(role), volume)
    for name, side in (("liver", 1), ("right_kidney", 1), ("left_kidney", -1), ("spleen", -1)):
        case.assertGreater(side * _right_mm(segmentation, name, volume), 20, name)


def _right_mm(segmentation: Any, name: str, volume: Any) -> float:
    """How far to the right of the patient the middle of an organ lies; RAS coordinates grow to the right."""
    found = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, name, volume) > 0
    k, j, i = (indices.mean() for indices in found.nonzero())
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return float((slicer.util.arrayFromVTKMatrix(matrix) @ (i, j, k, 1))[0])


def _terminology(segment: Any) -> str:
    if hasattr(segment, "GetTerminology"):
        return str(segment.GetTerminology())
    # Before Slicer 5.10.
    entry = vtk.reference("")
    segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry)
    return str(entry)


def _phantom_node() -> tuple[Any, np.ndarray]:
    """A made-up CT in the scene, and the true labels of its voxels (k, j, i)."""
    volume, truth = make_phantom(spacing_mm=_SPACING_MM)
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.ijk_to_lps
    node = slicer.util.addVolumeFromArray(volume.voxels, slicer.util.vtkMatrixFromArray(matrix), "Made-up CT")
    return node, truth


def _node_ids() -> list[str]:
    scene = slicer.mrmlScene
    return [scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())]
