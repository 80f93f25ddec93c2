"""The table of an ablation by hand."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from Training.evaluation.ablation_table import VariantScores, markdown, rows_of, write_table

ALONE = VariantScores("alone", 0, 0.70, 10.0, 0.5, {"liver": 0.9, "spleen": 0.5}, 100, 2.0)
RESULTS = [ALONE, replace(ALONE, seed=1, dice=0.74, hd95_mm=12.0),
           replace(ALONE, variant="all", dice=0.75, organs={"liver": 0.8, "spleen": 0.7})]


def test_a_variant_is_the_mean_of_its_seeds_and_gains_over_the_student_alone():
    alone, everything = rows_of(RESULTS)
    assert alone["dice"] == pytest.approx(0.72) and alone["seeds"] == 2
    assert alone["dice_sd"] == pytest.approx(0.0282843, abs=1e-6) and alone["hd95_mm"] == pytest.approx(11.0)
    assert alone["gain_points"] == 0 and alone["minutes"] == 4.0
    assert everything["gain_points"] == pytest.approx(3.0) and everything["dice_sd"] is None
    assert everything["liver"] == 0.8


def test_without_the_student_alone_there_is_no_gain():
    assert rows_of(RESULTS[2:])[0]["gain_points"] is None


def test_four_files_are_written(tmp_path):
    write_table(tmp_path, RESULTS, {"commit": "abc"})
    rows = list(csv.DictReader((tmp_path / "ablation.csv").open(newline="")))
    assert [row["variant"] for row in rows] == ["alone", "all"] and float(rows[1]["spleen"]) == 0.7
    document = json.loads((tmp_path / "ablation.json").read_text(encoding="utf-8"))
    assert document["commit"] == "abc" and len(document["results"]) == 3
    assert (tmp_path / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "ablation.md").read_text(encoding="utf-8") == markdown(rows_of(RESULTS))


def test_the_markdown_table_has_a_line_a_variant():
    lines = markdown(rows_of(RESULTS)).splitlines()
    assert len(lines) == 4 and lines[2].startswith("| alone | 2 | 0.720 | 0.028 |")
    assert all(line.count("|") == lines[0].count("|") for line in lines)
