"""The table as a file."""

import csv

import pytest

from MISTKDSegmentLib.errors import OutputError
from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes


@pytest.fixture
def table(host):
    rows = [organ_row("liver", 1510.26, 101.64), organ_row("spleen", 0.0, None, 0, touches_edge=True)]
    return result_nodes(ct_node(), rows)[1]


@pytest.fixture
def write_csv(host):
    from MISTKDSegmentLib.slicer.panel.csv_file import write_csv
    return write_csv


def test_the_file_says_what_the_table_says(table, write_csv, tmp_path):
    write_csv(table, tmp_path / "organs.csv")
    with open(tmp_path / "organs.csv", newline="", encoding="utf-8") as file:
        header, liver, spleen = csv.reader(file)
    assert header[:3] == ["Organ", "Volume (mL)", "Mean HU"]
    assert liver[:3] == ["Liver", "1510.26", "101.6"]
    assert spleen[2] == ""
    assert spleen[-1] == "not found, cut by the field of view"


@pytest.mark.parametrize(("name", "file_name"), [
    ("CT 1/2: liver table", "CT 1_2_ liver table.csv"), ("a\\b*c?", "a_b_c_.csv"), ("scan 2.5 mm", "scan 2.5 mm.csv"),
])
def test_the_suggested_name_is_one_that_every_file_system_takes(table, name, file_name):
    from MISTKDSegmentLib.slicer.panel import csv_file
    table.SetName(name)
    assert csv_file.file_name(table) == file_name


@pytest.mark.parametrize(("chosen", "written"), [
    ("organs", "organs.csv"), ("organs.csv", "organs.csv"), ("organs.txt", "organs.txt"), ("v1.5", "v1.5.csv"),
])
def test_a_name_without_an_ending_gets_one(host, tmp_path, chosen, written):
    from MISTKDSegmentLib.slicer.panel.csv_file import with_suffix
    assert with_suffix(str(tmp_path / chosen)) == tmp_path / written


def test_an_ending_that_is_added_leads_to_no_file_that_is_there(host, tmp_path):
    from MISTKDSegmentLib.slicer.panel.csv_file import with_suffix
    (tmp_path / "organs.csv").write_text("kept", encoding="utf-8")
    with pytest.raises(OutputError, match="exists already"):
        with_suffix(str(tmp_path / "organs"))


def test_a_folder_that_is_not_there_is_named_and_nothing_is_written(table, write_csv, tmp_path):
    with pytest.raises(OutputError, match="missing"):
        write_csv(table, tmp_path / "missing" / "organs.csv")
    assert list(tmp_path.iterdir()) == []
