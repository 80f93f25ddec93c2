"""The results in README.md are those of the evaluations beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from Testing.training.test_released_model import REAL
from Training.releasing.readme import BEGIN, END, gain_in_words, main, read_all, replace_block, results_block

ROOT = Path(__file__).parents[3]


def evaluation(dice: float | None, *, organ: str = "left_kidney", cases: str = "cd") -> dict:
    scores = {"dice": dice, "hd95_voxels": 4.04, "hd95_mm": 6.06, "surface_dice_2mm": 0.5}
    protocol = {"organs": {organ: scores}, "mean": scores, "mean_dice_ci95": [0.6, 0.8],
                "organ_dice_ci95": {organ: [0.5, 0.9]}}
    case = {"shape_kji": [2, 3, 4], "spacing_mm": [1.0, 1.0, 5.0],
            "organs": {organ: {"presence": "both", "transunet": scores, "millimetre": scores}}}
    return {"bundle": {"name": "x"}, "cases": dict.fromkeys(cases, case),
            "summary": {"transunet": protocol, "millimetre": protocol}}


def write(folder: Path, **evaluations: dict) -> None:
    for name, content in evaluations.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def test_each_organ_is_a_row():
    heading, _, organ, mean = results_block({"student": evaluation(0.7), "teacher": evaluation(0.75)}).splitlines()
    assert heading == "| organ | Dice (95 % interval) | HD95 (mm) | teacher's Dice |"
    assert organ == "| left kidney | 0.700 (0.500 to 0.900) | 6.1 | 0.750 |"
    assert mean == "| **mean** | **0.700 (0.600 to 0.800)** | **6.1** | **0.750** |"


def test_what_is_not_defined_is_a_dash():
    results = evaluation(0.7)
    results["summary"]["millimetre"] = {"organs": {"left_kidney": {"hd95_mm": None}}, "mean": {"hd95_mm": None}}
    assert "| left kidney | 0.700 (0.500 to 0.900) | - | - |" in results_block({"student": results})


def test_what_distillation_gave_stands_below_the_table():
    def scored(*by_case: tuple[float, float]) -> dict:
        organs = [dict(zip(("liver", "left_kidney"), pair)) for pair in by_case]
        return {"cases": {str(n): {"organs": {organ: {"transunet": {"dice": dice}} for organ, dice in case.items()}}
                          for n, case in enumerate(organs)}}
    alone, distilled = scored((0.5, 0.8), (0.6, 0.9)), scored((0.6, 0.78), (0.7, 0.88))
    # Each case gains (10 - 2) / 2 points, so that every draw of cases gives 4.
    assert " ".join(gain_in_words(alone, distilled).split()) == (
        "Distillation gave +4.0 points of Dice over the same student alone (95 % bootstrap interval +4.0 to +4.0, 2 "
        "cases, without post-processing), by organ from -2.0 (left kidney) to +10.0 (liver).")
    results = {"student": evaluation(0.7), "alone": evaluation(0.5), "student-without-postprocessing": evaluation(0.6)}
    assert results_block(results).splitlines()[-2].startswith("Distillation gave +10.0 points")


def test_only_what_stands_between_the_markers_is_replaced():
    assert replace_block(f"a\n{BEGIN}\nold\n{END}\nb\n", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb\n"


@pytest.mark.parametrize("text", ["nothing", f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_document_without_one_pair_of_markers_is_refused(text):
    with pytest.raises(InputError, match="no single pair of lines"):
        replace_block(text, "new")


def test_the_command_writes_the_document(tmp_path, capsys):
    write(tmp_path, student=evaluation(0.7))
    document = tmp_path / "README.md"
    document.write_text(f"Größe\n{BEGIN}\n{END}\n", encoding="utf-8")
    assert main([str(tmp_path), "--document", str(document)]) == 0
    assert "| left kidney | 0.700 (" in document.read_text(encoding="utf-8")
    assert main([str(tmp_path / "none"), "--document", str(document)]) == InputError.exit_code
    assert "has neither student.json nor" in capsys.readouterr().err


def test_evaluations_are_read_where_evaluate_writes_them(tmp_path):
    for name, dice in (("student", 0.7), ("teacher", 0.8)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(evaluation(dice)))
    assert list(read_all(tmp_path)) == ["student", "teacher"]


@pytest.mark.parametrize(("teacher", "said"), [
    (evaluation(0.8, organ="liver"), "differ in the organs"), (evaluation(0.8, cases="ce"), "differ in the cases"),
    ({"bundle": {"name": "x"}, "cases": evaluation(0.8)["cases"]}, r"teacher\.json says too little \(KeyError"),
    ({"bundle": {"name": "x"}, "cases": {"c": {}, "d": {}}}, r"teacher\.json says too little"),
    (evaluation(0.8) | {"summary": []}, r"teacher\.json says too little \(TypeError"),
])
def test_evaluations_that_do_not_belong_together_or_lack_something_are_refused(tmp_path, teacher, said):
    write(tmp_path, student=evaluation(0.7), teacher=teacher)
    with pytest.raises(InputError, match=said):
        read_all(tmp_path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_document_that_cannot_be_read_is_one_line(tmp_path, capsys, content):
    write(tmp_path, student=evaluation(0.7))
    document = tmp_path / "README.md"
    if content is not None:
        document.write_bytes(content)
    assert main([str(tmp_path), "--document", str(document)]) == InputError.exit_code
    assert "cannot be read as UTF-8 text" in (error := capsys.readouterr().err) and error.count("\n") == 1


def test_the_readme_shows_the_evaluations_that_lie_beside_it():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert replace_block(text, results_block(read_all(ROOT / "Resources" / "Results"))) == text


def test_the_shipped_bundle_tells_the_same_figures_as_the_readme():
    told = load_bundle(default_bundle_folder()).results
    shown = read_all(ROOT / "Resources" / "Results")["student"]
    assert told["bundle"] == shown["bundle"]
    for protocol in ("transunet", "millimetre"):
        assert told[protocol] == shown["summary"][protocol]


def test_the_figures_with_and_without_post_processing_are_of_one_network():
    shown = read_all(ROOT / "Resources" / "Results")
    assert shown["student"]["bundle"]["sha256"] == shown["student-without-postprocessing"]["bundle"]["sha256"]
    assert len({result["bundle"]["sha256"] for result in shown.values()}) == 3


def test_experiments_tell_the_agreement_with_totalsegmentator_that_is_tested():
    page = ROOT / "Resources" / "Documentation" / "experiments.md"
    text = page.read_text(encoding="utf-8").split("against the output of TotalSegmentator")[1]
    told = re.findall(r"([a-z]+(?: [a-z]+)?) (0\.\d\d)", " ".join(text.split("\n\n")[0].split()))
    assert {organ.replace(" ", "_"): value for organ, value in told} == {
        organ: f"{dice:.2f}" for organ, dice in REAL.items()}
