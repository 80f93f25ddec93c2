"""The scene with its logics and its subject hierarchy."""

from __future__ import annotations

import numpy as np

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


def _volume(name="CT"):
    import slicer
    voxels = np.full((20, 30, 30), -1000, np.int16)
    voxels[5:15, 8:22, 8:22] = 60
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=np.diag([-5.0, -5.0, 5.0, 1.0]), name=name)


def test_new_nodes_get_their_place_in_the_subject_hierarchy(bare):
    import slicer
    node = _volume()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(bare.scene)
    assert hierarchy.GetItemByDataNode(node)
    bare.scene.RemoveNode(node)
    assert not hierarchy.GetItemByName("CT")


def test_hidden_nodes_stay_out_of_the_subject_hierarchy(bare):
    import slicer
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetHideFromEditors(True)
    added = bare.scene.AddNode(node)
    assert not slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(bare.scene).GetItemByDataNode(added)


def test_the_modules_logics_know_scene_and_application(bare):
    import slicer
    for name in ("segmentations", "volumes", "markups", "tables", "terminologies", "colors", "sequences"):
        logic = getattr(slicer.modules, name).logic()
        assert logic.GetMRMLScene() is bare.scene
        assert logic.GetMRMLApplicationLogic() is slicer.app.applicationLogic()
