"""Nodes to files and back."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


def test_a_volume_comes_back_from_its_file(bare, tmp_path):
    import slicer
    node = slicer.util.addVolumeFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5), name="CT")
    assert slicer.util.saveNode(node, str(tmp_path / "ct.nrrd"))
    loaded = slicer.util.loadVolume(str(tmp_path / "ct.nrrd"))
    assert np.array_equal(slicer.util.arrayFromVolume(loaded), slicer.util.arrayFromVolume(node))


def test_a_loaded_volume_is_shown_in_the_slice_views(bare, tmp_path):
    import slicer
    node = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
    slicer.util.saveNode(node, str(tmp_path / "ct.nrrd"))
    loaded = slicer.util.loadVolume(str(tmp_path / "ct.nrrd"))
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceCompositeNode()
    assert red.GetBackgroundVolumeID() == loaded.GetID()


def test_a_segmentation_comes_back_from_its_file(bare, tmp_path):
    import slicer
    labels = slicer.util.addVolumeFromArray(np.eye(6, dtype=np.uint8)[None].repeat(6, 0),
                                            nodeClassName="vtkMRMLLabelMapVolumeNode")
    node = bare.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labels, node)
    assert slicer.util.saveNode(node, str(tmp_path / "organs.seg.nrrd"))
    loaded = slicer.util.loadSegmentation(str(tmp_path / "organs.seg.nrrd"))
    assert loaded.GetSegmentation().GetNumberOfSegments() == 1


def test_a_missing_file_is_an_error_as_in_slicer(bare):
    import slicer
    with pytest.raises(RuntimeError, match="Failed to load node"):
        slicer.util.loadVolume("/no/such.nrrd")
