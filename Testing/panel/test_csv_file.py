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
    from MISTKDSegmentLib.panel.csv_file import write_csv
    return write_csv


def test_the_file_says_what_the_table_says(table, write_csv, tmp_path):
    write_csv(table, tmp_path / "organs.csv")
    with open(tmp_path / "organs.csv", newline="", encoding="utf-8") as file:
        header, liver, spleen = csv.reader(file)
    assert header[:3] == ["Organ", "Volume (mL)", "Mean HU"]
    assert liver[:3] == ["Liver", "1510.26", "101.6"]
    assert spleen[2] == ""
    assert spleen[-1] == "not found, cut by the field of view"


def test_a_folder_that_is_not_there_is_named_and_nothing_is_written(table, write_csv, tmp_path):
    with pytest.raises(OutputError, match="missing"):
        write_csv(table, tmp_path / "missing" / "organs.csv")
    assert list(tmp_path.iterdir()) == []
