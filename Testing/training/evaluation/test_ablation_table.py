"""The table of an ablation by hand."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from Training.evaluation.ablation_table import VariantScores, markdown, rows_of, write_table

ALONE = VariantScores("alone", 0, 0.70, 10.0, 0.5, {"liver": 0.9, "spleen": 0.5}, 100, 2.0,
                      {"a": {"liver": 0.9, "spleen": 0.4}, "b": {"liver": 0.9, "spleen": 0.6}}, {"arterial": 0.5})
RESULTS = [ALONE, replace(ALONE, seed=1, dice=0.74, hd95_mm=12.0, phases={"arterial": 0.7}),
           replace(ALONE, variant="all", dice=0.75, organs={"liver": 0.8, "spleen": 0.7},
                   cases={"a": {"liver": 0.9, "spleen": 0.5}, "b": {"liver": 0.9, "spleen": 0.9}})]


def test_a_variant_is_the_mean_of_its_seeds_and_gains_over_the_student_alone():
    alone, everything = rows_of(RESULTS)
    assert alone["dice"] == pytest.approx(0.72) and alone["seeds"] == 2
    assert alone["dice_sd"] == pytest.approx(0.0282843, abs=1e-6) and alone["hd95_mm"] == pytest.approx(11.0)
    assert alone["gain_points"] == 0 and alone["minutes"] == 4.0
    assert everything["gain_points"] == pytest.approx(3.0) and everything["dice_sd"] is None
    assert everything["liver"] == 0.8


def test_the_gain_has_an_interval_over_cases_each_of_which_is_the_mean_of_its_seeds():
    # Case a gains (0 + 0.1) / 2 over the organs, case b (0 + 0.3) / 2: whichever cases are drawn, 5 to 15 points.
    alone, everything = rows_of(RESULTS)
    assert (alone["gain_low"], alone["gain_high"]) == (0, 0)
    assert (everything["gain_low"], everything["gain_high"]) == (pytest.approx(5), pytest.approx(15))


def test_a_case_without_an_organ_has_no_part_in_its_gain():
    cases = {"a": {"liver": 0.9, "spleen": None}, "b": {"liver": 0.9, "spleen": 0.9}}
    row = rows_of([ALONE, replace(ALONE, variant="all", cases=cases)])[1]
    # Whatever is drawn with case b gains 0.3 in the spleen and nothing in the liver; case a alone says nothing of it.
    assert (row["gain_low"], row["gain_high"]) == (pytest.approx(0), pytest.approx(15))


def test_simulated_phases_have_columns_where_they_were_scored():
    assert rows_of(RESULTS)[0]["dice_arterial"] == pytest.approx(0.6)
    assert "dice_arterial" not in rows_of([replace(ALONE, phases={})])[0]


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
