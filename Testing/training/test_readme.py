"""The results in README.md are those of the evaluations beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from MISTKDSegmentLib.bundle import default_bundle_folder, load_bundle
from MISTKDSegmentLib.errors import InputError
from Training.readme import BEGIN, END, main, read_all, replace_block, results_block

ROOT = Path(__file__).parents[2]


def evaluation(dice: float) -> dict:
    scores = {"dice": dice, "hd95_voxels": 4.04, "hd95_mm": 6.06, "surface_dice_2mm": 0.5}
    protocol = {"organs": {"left_kidney": scores}, "mean": scores, "mean_dice_ci95": [0.6, 0.8],
                "organ_dice_ci95": {"left_kidney": [0.5, 0.9]}}
    return {"bundle": {"name": "x"}, "cases": {"c": {}}, "summary": {"transunet": protocol, "millimetre": protocol}}


def test_each_organ_is_a_row_and_each_evaluation_beside_a_column():
    block = results_block({"student": evaluation(0.7), "teacher": evaluation(0.75)})
    heading, _, organ, mean = block.splitlines()
    assert heading == ("| organ | student: Dice | 95 % interval | HD95 (voxels) | HD95 (mm) | surface Dice at 2 mm | "
                       "teacher: Dice |")
    assert organ == "| left kidney | 0.700 | 0.500 to 0.900 | 4.0 | 6.1 | 0.500 | 0.750 |"
    assert mean.startswith("| **mean** | **0.700** | **0.600 to 0.800** | **4.0** |")


def test_only_what_stands_between_the_markers_is_replaced():
    assert replace_block(f"a\n{BEGIN}\nold\n{END}\nb\n", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb\n"


@pytest.mark.parametrize("text", ["nothing", f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_document_without_one_pair_of_markers_is_refused(text):
    with pytest.raises(InputError, match="no single pair of lines"):
        replace_block(text, "new")


def test_the_command_writes_the_document(tmp_path, capsys):
    (tmp_path / "student.json").write_text(json.dumps(evaluation(0.7)))
    document = tmp_path / "README.md"
    document.write_text(f"Größe\n{BEGIN}\n{END}\n", encoding="utf-8")
    assert main([str(tmp_path), "--document", str(document)]) == 0
    assert "| left kidney | 0.700 |" in document.read_text(encoding="utf-8")
    assert main([str(tmp_path / "none"), "--document", str(document)]) == InputError.exit_code
    assert "has no student.json" in capsys.readouterr().err


def test_the_readme_shows_the_evaluations_that_lie_beside_it():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert replace_block(text, results_block(read_all(ROOT / "Resources" / "Results"))) == text


def test_the_shipped_bundle_tells_the_same_figures_as_the_readme():
    told = load_bundle(default_bundle_folder()).results
    shown = read_all(ROOT / "Resources" / "Results")["student"]
    assert told["bundle"] == shown["bundle"]
    for protocol in ("transunet", "millimetre"):
        assert told[protocol] == shown["summary"][protocol]
