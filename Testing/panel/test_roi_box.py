"""A region of interest for a volume."""

import vtk

from Testing.panel.made_up_nodes import ct_node


def test_the_box_just_holds_the_volume(host):
    from MISTKDSegmentLib.slicer.panel.roi_box import new_roi
    volume = ct_node()
    volume.SetOrigin(10.0, 20.0, 30.0)
    roi = new_roi(volume)
    # Voxels are centred on the origin: 4 x 1, 5 x 1 and 6 x 3 mm around it.
    assert tuple(roi.GetSize()) == (4.0, 5.0, 18.0)
    assert tuple(roi.GetCenter()) == (11.5, 22.0, 37.5)
    assert not roi.GetDisplayNode().GetFillVisibility()


def test_a_transformed_volume_is_boxed_where_it_lies(host):
    from MISTKDSegmentLib.slicer.panel.roi_box import new_roi
    volume = ct_node()
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 100.0)
    transform = host.scene.AddNewNodeByClass("vtkMRMLTransformNode")
    transform.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    assert new_roi(volume).GetCenter()[0] == 101.5


def test_a_second_box_has_a_name_of_its_own(host):
    from MISTKDSegmentLib.slicer.panel.roi_box import new_roi
    volume = ct_node()
    assert new_roi(volume).GetName() != new_roi(volume).GetName()
