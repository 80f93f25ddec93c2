"""A bundle trained on all cases takes over clean-up and figures, and says whose they are."""

from __future__ import annotations

import pytest

from MISTKDSegmentLib.bundle import PostProcessing
from MISTKDSegmentLib.errors import InputError
from Testing.conftest import write_tiny_bundle
from Training.adopt import main
from Training.description import read_description, update_description

FIGURES = {"dice": 0.9, "hd95_voxels": 2.0, "hd95_mm": 3.0, "surface_dice_2mm": 0.8}
PROTOCOL = {"organs": {"liver": FIGURES}, "mean": FIGURES, "mean_dice_ci95": [0.85, 0.95]}
RESULTS = {"cases": ["c"], "data": "hospital", "bundle": {"sha256": "f" * 64}, "transunet": PROTOCOL,
           "millimetre": PROTOCOL}


def provenance(training, validation):
    return {"data": {"training": training, "unlabelled": [], "validation": validation},
            "parameters": {"teacher": 80, "student": 10}}


@pytest.fixture
def measured(tmp_path):
    folder = write_tiny_bundle(tmp_path / "measured")
    rules = {"liver": {"largest_component": False, "minimum_ml": 3.0, "fill_holes": False}}
    history = provenance(["a", "b"], ["c"]) | {"postprocessing": {"cases": ["c"], "organs": {}}}
    update_description(folder, results=RESULTS, postprocessing=rules, provenance=history)
    return folder


@pytest.fixture
def released(tmp_path):
    folder = write_tiny_bundle(tmp_path / "released")
    update_description(folder, provenance=provenance(["a", "b", "c"], []), postprocessing={})
    return folder


def test_clean_up_and_figures_are_taken_over_and_the_card_says_from_where(released, measured, capsys):
    assert main([str(released), "--measured", str(measured)]) == 0
    description = read_description(released)
    assert description["results"] == RESULTS
    assert description["postprocessing"]["liver"] == vars(PostProcessing(minimum_ml=3.0))
    assert description["provenance"]["data"]["training"] == ["a", "b", "c"]
    assert description["provenance"]["measured"]["sha256"] == read_description(measured)["sha256"]
    text = (released / "README.md").read_text(encoding="utf-8")
    assert "which was trained on 2 cases by the same recipe" in text and "Chosen on 1 case (c)." in text
    assert str(measured) in capsys.readouterr().out


def test_a_bundle_of_another_recipe_is_refused(released, measured, capsys):
    update_description(released, provenance={"parameters": {"teacher": 160, "student": 20}})
    assert main([str(released), "--measured", str(measured)]) == InputError.exit_code
    assert "differ in organs, input or size" in capsys.readouterr().err
    assert read_description(released)["results"] == {}


def test_a_bundle_that_nobody_measured_is_refused(released, measured, capsys):
    update_description(measured, results={})
    assert main([str(released), "--measured", str(measured)]) == InputError.exit_code
    assert "has no figures: measure it" in capsys.readouterr().err
