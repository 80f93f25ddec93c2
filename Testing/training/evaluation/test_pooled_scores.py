"""Pooled scores of folds: read back as they were, and shown organ by organ and patient by patient."""

from __future__ import annotations

import json

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from Training.evaluation.metrics import METRICS
from Training.evaluation.pooled_scores import (
    Pooled,
    organ_table,
    patient_table,
    pooled_in_words,
    read_scores,
    write_pooled,
)
from Training.evaluation.report import write_results
from Training.evaluation.scores import CaseScores

FACTS = {"bundle": {"name": "n", "version": "1", "sha256": "s"}}


def scores(case: str, liver: float, spleen: float) -> CaseScores:
    organs = {organ: {protocol: dict.fromkeys(metrics, dice) for protocol, metrics in METRICS.items()}
              for organ, dice in (("liver", liver), ("left_spleen", spleen))}
    return CaseScores(case, 1.5, (2, 3, 4), (1.0, 1.0, 5.0), dict.fromkeys(organs, "both"), organs, f"sum of {case}")


STUDENT = [scores("a", 0.9, 0.7), scores("b", 0.8, float("nan")), scores("c", 0.4, 0.6)]
TEACHER = [scores("a", 0.95, 0.8), scores("b", 0.85, 0.9), scores("c", 0.5, 0.7)]


def test_scores_read_back(tmp_path):
    write_results(tmp_path, STUDENT, FACTS)
    read = read_scores(tmp_path / "results.json")
    assert [one.case for one in read] == ["a", "b", "c"] and read[0] == STUDENT[0]
    assert np.isnan(read[1].scores["left_spleen"]["millimetre"]["dice"])


def test_scores_of_other_definitions_are_refused(tmp_path):
    write_results(tmp_path, STUDENT, FACTS)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"protocols": {"millimetre": "old"}}))
    with pytest.raises(InputError, match="was measured with other definitions than today's: delete it"):
        read_scores(path)


def test_an_organ_is_a_row_with_its_interval_the_teacher_and_the_other_split():
    beside = {protocol: {"organs": {"liver": {"dice": 0.25}}, "mean": {"dice": 0.25}} for protocol in METRICS}
    lines = organ_table({"student": STUDENT, "teacher": TEACHER}, beside, "4 cases").splitlines()
    assert lines[0].endswith("| teacher: Dice | 4 cases: Dice |")
    liver = [cell.strip() for cell in lines[2].strip("|").split("|")]
    # (0.9 + 0.8 + 0.4) / 3, and the teacher's (0.95 + 0.85 + 0.5) / 3.
    assert liver[:2] == ["liver", "0.700"] and liver[-2:] == ["0.767; 0.767", "0.250; 0.250"]
    low, high = (float(end) for end in liver[6].split(";")[0].split(" to "))
    assert 0.4 <= low < 0.7 < high <= 0.9
    assert lines[3].startswith("| left spleen | 0.650 |") and lines[3].endswith("| 0.800; 0.800 | -; - |")
    assert lines[4].startswith("| **mean** | 0.675 |")


def test_patients_come_with_the_worst_first():
    lines = patient_table({"student": STUDENT, "teacher": TEACHER}, {"a": 0, "b": 0, "c": 1}).splitlines()
    assert lines[2:] == ["| c | 1 | 0.500, liver 0.400 | 0.600, liver 0.500 |",
                         "| a | 0 | 0.800, left spleen 0.700 | 0.875, left spleen 0.800 |",
                         "| b | 0 | 0.800, liver 0.800 | 0.875, liver 0.850 |"]


def test_what_is_missing_is_said():
    folds = [["a", "b"], ["c"], ["d"]]
    assert pooled_in_words([0, 1, 2], folds) == "Every one of 4 patients, in 3 folds."
    assert pooled_in_words([0, 2], folds).startswith("3 of 4 patients: folds 0, 2 of 0 to 2. The same command without")


def test_a_page_a_document_and_a_picture_are_written(tmp_path):
    recipe = {"teacher_schedule": {"steps": 30}, "student_schedule": {"steps": 20, "batch_size": 4},
              "pixel_spacing_mm": 1.5, "seed": 7}
    facts = {number: {"commits": ["abc", "def"], "hardware": "a CPU"} for number in (0, 2)}
    beside = {"bundle": {"name": "shipped", "version": "1"}, "cases": {"v": {}, "w": {}},
              "summary": {protocol: {"organs": {}, "mean": {"dice": 0.5}} for protocol in METRICS}}
    write_pooled(tmp_path, Pooled(results={"student": STUDENT, "teacher": TEACHER}, folds=[["a", "b"], ["d"], ["c"]],
                                  done=[0, 2], recipe=recipe, trainings=facts, beside=beside))
    text = (tmp_path / "crossvalidation.md").read_text(encoding="utf-8")
    assert "3 of 4 patients: folds 0, 2 of 0 to 2." in text
    assert "a teacher of 30 steps and a student of 20 steps" in text
    assert "The last column has the figures of shipped (1) on its own validation cases (v, w)" in text
    assert "| 0.500; 0.500 |" in text
    assert "- 0: a, b; commit abc, def, a CPU\n- 1: d (not done yet)\n- 2: c; commit abc, def, a CPU\n" in text
    document = json.loads((tmp_path / "crossvalidation.json").read_text(encoding="utf-8"))
    assert document["cases"]["b"] == {"fold": 0, "content_sha256": "sum of b", "dice": {
        "student": {"liver": 0.8, "left_spleen": None}, "teacher": {"liver": 0.85, "left_spleen": 0.9}}}
    assert document["summary"]["student"]["millimetre"]["mean"]["dice"] == pytest.approx(0.675)
    assert document["beside"]["cases"] == ["v", "w"]
    assert (tmp_path / "crossvalidation.png").read_bytes().startswith(b"\x89PNG")
