"""A bundle trained on all cases takes over post-processing and figures, and says whose they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

import onnx
import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.bundle import PostProcessing, load_bundle
from Testing.conftest import write_tiny_bundle
from Testing.lib.made_up_confidence import CONFIDENCE
from Training.bundle.description import read_description, update_description
from Training.releasing.adopt import main

FIGURES = {"dice": 0.9, "hd95_voxels": 2.0, "hd95_mm": 3.0, "surface_dice_2mm": 0.8}
PROTOCOL = {"organs": {"liver": FIGURES}, "mean": FIGURES, "mean_dice_ci95": [0.85, 0.95]}
RECIPE = {"seed": 0, "validation": ["c"], "student_start": None, "student_schedule": {"steps": 4500, "batch_size": 16,
          "learning_rate": 1e-3}, "distillation": {"sequence": 1.0}, "augmentation": {"scale": 1.35}}
LATER = RECIPE | {"seed": 1, "validation": [], "student_start": "last.ckpt",
                  "student_schedule": {"steps": 1200, "batch_size": 16, "learning_rate": 3e-4}}


def provenance(training, validation, recipe):
    return {"data": {"training": training, "unlabelled": [], "validation": validation}, "recipe": recipe,
            "parameters": {"teacher": 80, "student": 10}}


def results(bundle, cases):
    return {"cases": cases, "data": "hospital", "bundle": {"sha256": read_description(bundle)["sha256"]},
            "transunet": PROTOCOL, "millimetre": PROTOCOL}


def another_network(folder):
    """Give a bundle a network whose file differs from the tiny one's."""
    network = onnx.load_from_string((folder / "model.onnx").read_bytes())
    network.producer_name = "another"
    content = network.SerializeToString()
    (folder / "model.onnx").write_bytes(content)
    description = read_description(folder) | {"sha256": hashlib.sha256(content).hexdigest()}
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")


@pytest.fixture
def measured(tmp_path):
    folder = write_tiny_bundle(tmp_path / "measured")
    (folder / "curves.png").write_bytes(b"curves with Dice")
    rules = {"liver": {"largest_component": False, "minimum_ml": 3.0, "fill_holes": False, "logit_offset": 0.0}}
    history = provenance(["a", "b"], ["c"], RECIPE) | {
        "postprocessing": {"cases": ["c"], "organs": {}}, "commit": "abc123", "steps": 4500, "minutes": 64.8}
    update_description(folder, results=results(folder, ["c"]), postprocessing=rules, provenance=history)
    return folder


@pytest.fixture
def released(tmp_path):
    folder = write_tiny_bundle(tmp_path / "released")
    another_network(folder)
    (folder / "curves.png").write_bytes(b"curves without")
    update_description(folder, provenance=provenance(["a", "b", "c"], [], LATER), postprocessing={})
    return folder


def test_figures_are_taken_over(released, measured, capsys):
    assert main([str(released), "--measured", str(measured)]) == 0
    description = read_description(released)
    assert description["results"] == read_description(measured)["results"]
    assert description["postprocessing"]["liver"] == vars(PostProcessing(minimum_ml=3.0))
    assert description["provenance"]["data"]["training"] == ["a", "b", "c"]
    text = (released / "README.md").read_text(encoding="utf-8")
    assert "which was trained on 2 cases by the same recipe" in text and "Chosen on 1 case (c)." in text
    assert str(measured) in capsys.readouterr().out


def test_calibration_is_taken_over(released, measured):
    update_description(measured, confidence=asdict(CONFIDENCE), provenance={"confidence": {"cases": ["c"]}})
    (measured / "confidence.png").write_bytes(b"plots")
    assert main([str(released), "--measured", str(measured)]) == 0
    assert load_bundle(released).confidence == CONFIDENCE
    assert read_description(released)["provenance"]["confidence"] == {"cases": ["c"]}
    assert (released / "confidence.png").read_bytes() == b"plots"


def test_measured_network_keeps_its_history(released, measured):
    assert main([str(released), "--measured", str(measured)]) == 0
    told = read_description(released)["provenance"]
    kept = told["measured"]
    assert kept["sha256"] == read_description(measured)["sha256"]
    assert kept["data"] == {"training": ["a", "b"], "unlabelled": [], "validation": ["c"]}
    assert kept["recipe"] == {part: RECIPE[part] for part in ("seed", "student_schedule", "distillation")}
    assert (kept["commit"], kept["steps"], kept["minutes"]) == ("abc123", 4500, 64.8)
    assert told["recipe"] == LATER
    text = (released / "README.md").read_text(encoding="utf-8")
    assert "Network that was measured: seed 0, steps 4500, minutes 64.8, commit abc123" in text


def test_curves_are_taken_over(released, measured):
    assert main([str(released), "--measured", str(measured)]) == 0
    assert (released / "curves.png").read_bytes() == b"curves with Dice"
    name = read_description(measured)["sha256"][:12]
    assert f"while the network `{name}` was trained by the same recipe:\n\n![curves]" in (
        released / "README.md").read_text(encoding="utf-8")


def test_no_curves_to_take_over(released, measured):
    (measured / "curves.png").unlink()
    assert main([str(released), "--measured", str(measured)]) == 0
    assert (released / "curves.png").read_bytes() == b"curves without"
    assert "curves" not in read_description(released)["provenance"]


def refused(released, measured, capsys):
    """Try, expect one line and an unchanged bundle, and return the line."""
    before = read_description(released)
    assert main([str(released), "--measured", str(measured)]) == InputError.exit_code
    assert read_description(released) == before
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_another_size(released, measured, capsys):
    update_description(released, provenance={"parameters": {"teacher": 160, "student": 20}})
    assert "differ in organs, input or size" in refused(released, measured, capsys)


def test_another_recipe(released, measured, capsys):
    other = LATER | {"augmentation": {"phase": 0.0}, "wide_share": 0.5}
    update_description(released, provenance={"recipe": other})
    assert "by different recipes (augmentation, wide_share)" in refused(released, measured, capsys)


def test_adopting_from_itself(measured, capsys):
    assert "hold the same network" in refused(measured, measured, capsys)


def test_scored_case_not_trained_on(released, measured, capsys):
    update_description(released, provenance=provenance(["a", "b"], [], LATER))
    assert "released was not trained on c, on which" in refused(released, measured, capsys)


def test_case_not_trained_on(released, measured, capsys):
    update_description(released, provenance=provenance(["b", "c"], [], LATER))
    assert "released was not trained on a, on which" in refused(released, measured, capsys)


def test_cases_left_out(released, measured, capsys):
    update_description(released, provenance=provenance(["a", "b", "c"], ["d"], LATER))
    assert "was not trained on d: measure it there" in refused(released, measured, capsys)


def test_not_measured(released, measured, capsys):
    update_description(measured, results={})
    assert "has no figures of its own network: measure it" in refused(released, measured, capsys)


def test_figures_are_passed_on_once(released, measured, capsys):
    update_description(measured, results=results(released, ["c"]))
    assert "has no figures of its own network: measure it" in refused(released, measured, capsys)


@pytest.mark.parametrize("missing", ["data", "recipe"])
def test_no_history(released, measured, capsys, missing):
    update_description(measured, provenance={missing: {}})
    assert "measured does not say by which recipe" in refused(released, measured, capsys)
