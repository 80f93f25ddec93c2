"""The organs' table in the scene and on the clipboard."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import vtk

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.judgement import MAY_BE_THERE, REASONS
from MISTKDSegmentLib.report.quality import Quality
from MISTKDSegmentLib.report.table import FLAGS, OrganRow
from MISTKDSegmentLib.slicer.scene import organ_table_node
from MISTKDSegmentLib.slicer.scene.organ_table_node import (
    doubts_of,
    qualities_of,
    reason_text,
    rows_as_text,
    write_table_node,
)

AORTA, GALLBLADDER = ABDOMEN_LABELS[:2]
ROWS = [OrganRow(AORTA, 101.2345, 181.26, 50617, True), OrganRow(GALLBLADDER, 0.0, None, 0, False)]
TEXT = ("Organ\tVolume (mL)\tMean HU\tVoxels\tFlag\n"
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


def test_the_names_of_the_columns_are_the_header_and_nothing_is_said_to_be_deprecated(world, tmp_path):
    log, before = vtk.vtkFileOutputWindow(), vtk.vtkOutputWindow.GetInstance()
    log.SetFileName(str(tmp_path / "vtk.log"))
    log.FlushOn()
    vtk.vtkOutputWindow.SetInstance(log)
    try:
        node = write_table_node(ROWS, None, "organs", a_ct(world))
    finally:
        vtk.vtkOutputWindow.SetInstance(before)
    assert node.GetUseColumnTitleAsColumnHeader()
    assert not (tmp_path / "vtk.log").exists() or not (tmp_path / "vtk.log").read_text(encoding="utf-8")


def test_flags_are_in_the_users_language_as_the_header_is(world, monkeypatch):
    monkeypatch.setattr(organ_table_node, "_", str.upper)
    cut_and_large = replace(ROWS[0], volume_ml=9000.0)
    lines = rows_as_text(write_table_node([cut_and_large, ROWS[1]], None, "organs", a_ct(world))).splitlines()
    assert [line.split("\t")[-1] for line in lines] == [
        "FLAG", "CUT BY THE FIELD OF VIEW, IMPLAUSIBLY LARGE", "NOT FOUND"]


def test_quality_is_in_the_table_where_the_model_says_it(world):
    rows = [replace(ROWS[0], quality=Quality("look", 0.712, True, ("border unclear",), (1.0, 2.0, 3.5))),
            replace(ROWS[1], quality=Quality("good", 0.9, False))]
    node = write_table_node(rows, None, "organs", a_ct(world))
    head, *lines = (line.split("\t")[5:] for line in rows_as_text(node).splitlines())
    assert head == ["Quality", "Predicted Dice", "Probability of absence"]
    assert lines == [["look", "0.71", ""], ["good", "", "0.9"]]
    assert qualities_of(node) == (rows[0].quality, rows[1].quality)


@pytest.mark.parametrize("kept", ["3", "{", '["look"]', '[{"word": "look"}]'])
def test_damaged_quality_is_none(world, kept):
    node = write_table_node(ROWS, None, "organs", a_ct(world))
    assert qualities_of(node) == ()
    node.SetAttribute("MISTKDSegment.quality", kept)
    assert qualities_of(node) == ()


def test_every_reason_can_be_extracted_for_translators():
    assert [reason_text(reason) for reason in (*REASONS.values(), MAY_BE_THERE)] == [*REASONS.values(), MAY_BE_THERE]
    assert reason_text("border unclear on 3 of 9 slices") == "border unclear on 3 of 9 slices"


def test_every_note_can_be_extracted_for_translators():
    source = Path(organ_table_node.__file__).read_text(encoding="utf-8")
    assert all(f'_("{flag}")' in source for flag in FLAGS)


def test_a_table_that_cannot_be_written_leaves_no_node_and_an_old_one_as_it_was(world, monkeypatch):
    volume = a_ct(world)
    node = write_table_node(ROWS, None, "organs", volume)
    monkeypatch.setattr(organ_table_node, "put_beside", lambda *_: 1 / 0)
    for given in (None, node):
        with pytest.raises(ZeroDivisionError):
            write_table_node(ROWS[:1], given, "organs", volume)
    assert world.count("vtkMRMLTableNode") == 1
    assert rows_as_text(node) == TEXT


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


def test_what_is_doubtful_is_kept_with_the_table_and_in_the_scenes_file(world, tmp_path):
    doubts = (("Orientation unclear", "The file does not say which side is left."), ("HU shifted", "Air is at 0 HU."))
    node = write_table_node(ROWS, None, "organs", a_ct(world), doubts)
    assert doubts_of(node) == doubts
    world.scene.SetURL(str(tmp_path / "scene.mrml"))
    world.scene.Commit()
    again = type(world)()
    again.scene.SetURL(str(tmp_path / "scene.mrml"))
    again.scene.Import()
    assert doubts_of(again.scene.GetFirstNodeByClass("vtkMRMLTableNode")) == doubts


def test_a_later_run_without_doubts_takes_them_back(world):
    volume = a_ct(world)
    node = write_table_node(ROWS, None, "organs", volume, (("HU shifted", "Air is at 0 HU."),))
    write_table_node(ROWS, node, "organs", volume)
    assert doubts_of(node) == ()


def test_a_table_of_somebody_else_has_no_doubts(world):
    node = world.node("vtkMRMLTableNode")
    assert doubts_of(node) == doubts_of(None) == ()
    node.SetAttribute("MISTKDSegment.doubts", "[1, 2]")
    assert doubts_of(node) == ()
