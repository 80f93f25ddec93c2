"""The CSV file of many cases."""

import csv
import itertools
import os
from contextlib import suppress
from pathlib import Path

from MISTKDSegmentLib.batch.case import Case
from MISTKDSegmentLib.batch.outcome import Outcome
from MISTKDSegmentLib.batch.summary import Summary
from MISTKDSegmentLib.errors import OutputError


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_cases_wait_in_their_order_until_something_became_of_them(tmp_path):
    first, second = Case(Path("x/a.nii"), "a"), Case(Path("x/b, \"2\".nii"), "b, \"2\"")
    summary = Summary(tmp_path / "s.csv", [first, second], ["liver", "spleen"])
    summary.put(second, Outcome("done", "", {"read": 1.004, "write": 0.5}, 9, (0.75, 0.75, 3.0), {"liver": 1500.0},
                                {"liver": ("cut by the field of view", "implausibly small")}, "changed since",
                                doubts=("The spine lies in front.", "A liver of 15 L.")))
    summary.write()
    waiting, done = rows(tmp_path / "s.csv")
    assert {key: value for key, value in waiting.items() if value} == {
        "case": "a", "input": str(Path("x/a.nii")), "status": "waiting"}
    assert {key: value for key, value in done.items() if value} == {
        "case": 'b, "2"', "input": str(Path('x/b, "2".nii')), "status": "done", "read_s": "1.00", "write_s": "0.50",
        "total_s": "1.50", "slices": "9", "spacing_i_mm": "0.75", "spacing_j_mm": "0.75", "spacing_k_mm": "3",
        "liver_ml": "1500.00", "flags": "liver: cut by the field of view, implausibly small; changed since",
        "doubts": "The spine lies in front. A liver of 15 L."}
    assert (summary.count("waiting"), summary.count("done"), summary.count("failed")) == (1, 1, 0)


def test_names_that_are_no_utf_8_are_written_readably(tmp_path):
    summary = Summary(tmp_path / "s.csv", [Case(Path("B\udce4uche.nii"), "B?uche")], [])
    summary.write()
    assert rows(tmp_path / "s.csv")[0]["input"] == "B\\udce4uche.nii"


def test_the_worst_come_first_where_the_model_says_so(tmp_path):
    cases = [Case(Path(f"x/{name}.nii"), name) for name in "abcd"]
    summary = Summary(tmp_path / "s.csv", cases, [])
    summary.put(cases[1], Outcome("done", words={"liver": "good", "spleen": "look"},
                                  scores={"liver": 0.9, "spleen": 0.71}))
    summary.put(cases[3], Outcome("done", words={"liver": "look", "spleen": "poor"},
                                  scores={"liver": 0.6, "spleen": 0.2}))
    summary.write()
    assert [(row["case"], row["worst_score"], row["look_at"]) for row in rows(tmp_path / "s.csv")] == [
        ("d", "0.20", "spleen (poor 0.20), liver (look 0.60)"), ("b", "0.71", "spleen (look 0.71)"), ("a", "", ""),
        ("c", "", "")]


def test_writing_what_grows_with_the_cases_takes_a_twentieth_of_the_time_at_most(tmp_path, monkeypatch):
    clock = itertools.count()  # a second passes from look to look, so that writing takes one
    monkeypatch.setattr("MISTKDSegmentLib.batch.summary.monotonic", lambda: next(clock))
    cases = [Case(Path(f"x/{number}.nii"), str(number)) for number in range(50)]
    summary, written = Summary(tmp_path / "s.csv", cases, []), []
    for case in cases:
        summary.put(case, Outcome("done"))
        summary.write_if_due()
        written.append(sum(row["status"] == "done" for row in rows(tmp_path / "s.csv")))
    assert sorted(set(written)) == [1, 21, 41]
    summary.write()
    assert {row["status"] for row in rows(tmp_path / "s.csv")} == {"done"}


def test_a_summary_that_is_open_elsewhere_is_tried_again_after_a_while(tmp_path, monkeypatch):
    now, tries = [0.0], []

    def locked(*_args):
        tries.append(now[0])
        raise PermissionError(13, "in use")

    monkeypatch.setattr("MISTKDSegmentLib.batch.summary.monotonic", lambda: now[0])
    monkeypatch.setattr(os, "replace", locked)
    case = Case(Path("x/a.nii"), "a")
    summary = Summary(tmp_path / "s.csv", [case], [])
    summary.put(case, Outcome("done"))
    for tenth in range(25):
        now[0] = tenth / 10
        with suppress(OutputError):
            summary.write_if_due()
    assert tries == [0.0, 1.0, 2.0]


def test_a_few_cases_are_written_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("MISTKDSegmentLib.batch.summary.monotonic", lambda: 0.0)
    cases = [Case(Path(f"x/{name}.nii"), name) for name in "ab"]
    summary = Summary(tmp_path / "s.csv", cases, [])
    for number, case in enumerate(cases, 1):
        summary.put(case, Outcome("done"))
        summary.write_if_due()
        assert sum(row["status"] == "done" for row in rows(tmp_path / "s.csv")) == number
