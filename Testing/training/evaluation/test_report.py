"""Files of results: one row per value, no NaN in JSON, a figure that is a picture."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Training.evaluation.report import dice_figure, null_for_nan, print_scores, spread, write_results
from Training.evaluation.scores import CaseScores, undefined_scores

FACTS = {"bundle": {"name": "madeup", "version": "1", "sha256": "c0ffee"}}


def results():
    """Case "hit" has the liver at 0.75; case "miss" has none; nobody knows the spleen of "miss"."""
    def one(dice, **more):
        scores = undefined_scores()
        scores["transunet"] |= {"dice": dice, "hd95_voxels": 1.0}
        scores["millimetre"] |= {"dice": dice, **more}
        return scores
    absent = {"transunet": {"dice": 0.0, "hd95_voxels": 0.0}, "millimetre": undefined_scores()["millimetre"]}
    return [
        CaseScores("hit", 1.23456, (6, 20, 24), (0.5, 2.0, 5.0), {"liver": "both", "spleen": "both"},
                   {"liver": one(0.75, hd95_mm=5.0), "spleen": one(0.5)}, "hash of hit"),
        CaseScores("miss", 2.0, (6, 20, 24), (0.5, 2.0, 5.0), {"liver": "absent", "spleen": "unknown"},
                   {"liver": absent, "spleen": undefined_scores()}, "hash of miss"),
    ]


@pytest.fixture
def folder(tmp_path):
    write_results(tmp_path, results(), FACTS)
    return tmp_path


def test_rows_of_the_csv(folder):
    with open(folder / "results.csv", newline="") as file:
        rows = {tuple(row[key] for key in ("case", "organ", "protocol", "metric")): row["value"]
                for row in csv.DictReader(file)}
    assert len(rows) == 2 * 2 * (2 + 5)
    assert float(rows["hit", "liver", "transunet", "dice"]) == 0.75
    assert rows["miss", "liver", "millimetre", "dice"] == ""
    assert rows["miss", "spleen", "transunet", "dice"] == ""


def test_results_json(folder):
    document = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert document["cases"]["hit"]["seconds"] == 1.235
    assert document["cases"]["hit"]["mean"]["millimetre"]["dice"] == pytest.approx(0.625)
    assert document["cases"]["miss"]["organs"]["spleen"]["presence"] == "unknown"
    assert document["cases"]["miss"]["organs"]["liver"]["millimetre"]["hd95_mm"] is None
    assert document["summary"]["millimetre"]["counts"]["liver"]["absent"] == 1
    assert document["cases"]["miss"]["content_sha256"] == "hash of miss"
    assert set(document["protocols"]) == {"transunet", "millimetre"}


def test_the_figure_is_a_png(folder):
    assert (folder / "dice.png").read_bytes().startswith(b"\x89PNG")


def test_colours_of_the_figure(tmp_path):
    figure = dice_figure(results(), "", {"liver": (255, 0, 51)})
    points = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert list(points[0].get_color()) == [1.0, 0.0, 0.2]
    assert list(points[1].get_color()) != [1.0, 0.0, 0.2]
    liver = next(label for label in ABDOMEN_LABELS if label.name == "liver")
    write_results(tmp_path, results(), FACTS, [liver])
    written = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert written["colors"] == {"liver": list(liver.color)}


def test_counts_in_the_table():
    text = io.StringIO()
    print_scores(results(), "madeup 1", Console(file=text, width=120))
    liver, spleen = (next(line for line in text.getvalue().splitlines() if organ in line)
                     for organ in ("liver", "spleen"))
    assert "0/0/1/0" in liver and "0.750" in liver
    assert "0/0/0/1" in spleen and "-" in spleen


def test_nan_becomes_null_however_deep():
    assert null_for_nan({"a": [float("nan"), (1.0, "x")]}) == {"a": [None, [1.0, "x"]]}


def test_points_beside_each_other():
    assert np.allclose(spread(3), [-0.15, 0.0, 0.15])
    assert list(spread(1)) == [0.0]
