"""The organs' table in the scene and on the clipboard."""

import math

import numpy as np

from MISTKDSegmentLib.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.scene.organ_table_node import rows_as_text, write_table_node
from MISTKDSegmentLib.table import OrganRow

AORTA, GALLBLADDER = ABDOMEN_LABELS[:2]
ROWS = [OrganRow(AORTA, 101.2345, 181.26, 50617, True), OrganRow(GALLBLADDER, 0.0, None, 0, False)]
TEXT = ("Organ\tVolume (mL)\tMean HU\tVoxels\tNote\n"
        "Aorta\t101.23\t181.3\t50617\tcut by the field of view\n"
        "Gallbladder\t0\t\t0\tnot found\n")


def a_ct(world):
    return world.volume(np.zeros((2, 2, 2), np.int16))


def test_a_table_has_one_row_an_organ_with_numbers_as_numbers(world):
    node = write_table_node(ROWS, None, "organs", a_ct(world))
    assert (node.GetName(), node.GetNumberOfRows(), node.GetNumberOfColumns()) == ("organs", 2, 5)
    table = node.GetTable()
    assert table.GetColumnByName("Volume (mL)").GetValue(0) == 101.23
    assert table.GetColumnByName("Voxels").GetValue(0) == 50617
    assert math.isnan(table.GetColumnByName("Mean HU").GetValue(1))


def test_the_text_for_the_clipboard_has_tabs_a_header_and_no_nan(world):
    assert rows_as_text(write_table_node(ROWS, None, "organs", a_ct(world))) == TEXT


def test_a_second_run_overwrites_the_table(world):
    volume = a_ct(world)
    node = write_table_node(ROWS, None, "organs", volume)
    assert write_table_node(ROWS[:1], node, "other", volume) is node
    assert (node.GetName(), node.GetNumberOfRows(), node.GetNumberOfColumns()) == ("organs", 1, 5)
    assert world.count("vtkMRMLTableNode") == 1


def test_a_deleted_table_is_made_anew(world):
    volume, gone = a_ct(world), world.node("vtkMRMLTableNode", "gone")
    world.scene.RemoveNode(gone)
    assert write_table_node(ROWS, gone, "organs", volume).GetScene() is world.scene


def test_the_table_lies_beside_its_volume(world):
    volume, tree = a_ct(world), world.hierarchy
    study = tree.CreateStudyItem(tree.GetSceneItemID(), "study")
    tree.CreateItem(study, volume)
    node = write_table_node(ROWS, None, "organs", volume)
    assert tree.GetItemParent(tree.GetItemByDataNode(node)) == study


def test_a_saved_table_is_the_same_again(world, tmp_path):
    node = write_table_node(ROWS, None, "organs", a_ct(world))
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(str(tmp_path / "organs.tsv"))
    assert node.GetStorageNode().WriteData(node)
    again = world.node("vtkMRMLTableNode", "again")
    again.AddDefaultStorageNode()
    again.GetStorageNode().SetFileName(str(tmp_path / "organs.tsv"))
    assert again.GetStorageNode().ReadData(again)
    assert rows_as_text(again).splitlines()[1] == TEXT.splitlines()[1]
