"""The model card says what model.json says, warns where figures flatter, and leaves out what nobody recorded."""

from __future__ import annotations

import json

import pytest

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.model.bundle import PostProcessing, default_bundle_folder
from Training.bundle.card import card, rule_in_words
from Training.card import main

ORGAN = {"dice": 0.912345, "hd95_voxels": 4.0}
HONEST = {"dice": 0.912345, "hd95_mm": None, "surface_dice_2mm": 0.8, "prediction_ml": 1.0, "reference_ml": 1.0}


def description(**changes):
    results = {
        "cases": ["c1", "c2"], "data": "hospital", "threads": 2, "bundle": {"sha256": "f" * 64},
        "host": {"cores": 4, "machine": "x86_64", "system": "Linux"}, "versions": {"onnxruntime": "1.19.2"},
        "transunet": {"organs": {"left_kidney": ORGAN}, "mean": ORGAN, "mean_dice_ci95": [0.85, 0.95],
                      "organ_dice_ci95": {"left_kidney": [0.7, 0.99]}},
        "millimetre": {"organs": {"left_kidney": HONEST}, "mean": HONEST, "mean_dice_ci95": [0.86, 0.94],
                       "counts": {"left_kidney": {"both": 1, "missed": 1, "invented": 0, "absent": 0, "unknown": 0}}},
    }
    provenance = {
        "method": "MISTKD", "parameters": {"teacher": 1000, "student": 100},
        "data": {"source": "Hospital A", "licence": "CC BY 4.0", "training": ["t1", "t2"], "unlabelled": ["u1"],
                 "validation": ["c1"]},
        "recipe": {"seed": 7, "student_network": {"widths": [8, 16, 32, 64], "depths": [2, 2, 2, 2],
                                                  "decoder_width": 48, "separable_decoder": True},
                   "student_schedule": {"steps": 2400, "batch_size": 16, "learning_rate": 0.001},
                   "distillation": {"sequence": 1.0, "relation": 0.0, "logit": 0.5}},
        "commit": "abc123", "versions": {"torch": "2.13.0"}, "hardware": "1 x H100", "minutes": 12.0,
        "teacher": {"minutes": 30.0},
        "postprocessing": {"cases": ["c1"], "organs": {"left_kidney": {"dice_before": 0.8, "dice_after": 0.9,
                                                                       "cases": 1}}},
    }
    whole = {
        "name": "tiny", "version": "1.0", "licence": "Research only.", "sha256": "f" * 64,
        "labels": [{"title": "Left kidney", "name": "left_kidney"}],
        "input": {"window_hu": [-125, 275], "pixel_spacing_mm": 2.0, "multiple": 32,
                  "context_offsets_mm": [-5.0, 0.0, 5.0], "slice_step_mm": 3.0},
        "postprocessing": {"left_kidney": {"largest_component": True, "minimum_ml": 0.0}},
        "provenance": provenance, "results": results,
    }
    return whole | changes


@pytest.mark.parametrize("said", [
    "# tiny 1.0", "Not a medical device", "Left kidney", "100 parameters and its teacher 1,000: 10.0 times",
    "| left kidney | 0.912 | 4.0 | 0.912 | - | 0.800 | 0.700 to 0.990 |",
    "| **mean** | 0.912 | 4.0 | 0.912 | - | 0.800 | 0.850 to 0.950 |",
    "0.850 to 0.950 (`transunet`), 0.860 to 0.940 (`millimetre`)",
    "left kidney missed in 1", "2 cases (c1, c2) of hospital", "4 cores (2 threads), onnxruntime 1.19.2",
    "| left kidney | keep the largest part alone | 0.800 to 0.900 |", "Chosen on 1 case (c1).", "CC BY 4.0",
    "Training: 2 cases (t1, t2)", "Unlabelled: 1 case (u1)", "Validation: 1 case (c1)",
    "Student: widths 8, 16, 32, 64, depths 2, 2, 2, 2, separable decoder 48", "2400 steps of 16 slices",
    "sequence term x 1, logit term x 0.5", "Commit: abc123", "Seed: 7", "torch 2.13.0", "1 x H100",
    "teacher 30, student 12", "python3 mistkd.py segment my_ct.nii.gz --model FOLDER",
    "The network sees 5 mm to either side",
])
def test_the_card_says(said):
    assert said in card(description())


def test_few_cases_are_called_rough():
    assert "the figures are rough" in card(description())
    many = description()
    many["results"]["cases"] = [f"c{n}" for n in range(12)]
    assert "are rough" not in card(many) and "too narrow" not in card(many)


def test_post_processing_chosen_on_measured_cases_is_said():
    assert "a little too good" in card(description())
    apart = description()
    apart["provenance"]["postprocessing"]["cases"] = ["v9"]
    assert "too good" not in card(apart)


def test_measured_training_cases_are_said():
    leaking = description()
    leaking["results"]["cases"] = ["t1", "c2"]
    assert "trained on t1, where it was measured as well" in card(leaking)


def test_what_flatters_stands_under_the_table():
    leaking = description()
    leaking["results"]["cases"] = ["t1", "c1"]
    under = card(leaking).split("| **mean**")[1].split("\n\n")[1]
    assert under == ("It was trained on t1, where it was measured as well. The post-processing was chosen on cases it "
                     "was measured on, which makes the figures a little too good.")


def test_unknown_origin_of_post_processing_is_a_limit():
    unknown = description()
    del unknown["provenance"]["postprocessing"]
    assert card(unknown).count("The post-processing may have been chosen on the very cases") == 1


def test_missing_results_are_said():
    assert "`mistkd evaluate --record`" in card(description(results={}))


def test_little_is_enough_for_a_card():
    text = card(description(results={}, provenance={}, postprocessing={}))
    assert "None: labels are left as the network gives them." in text
    assert "None" not in text.replace("None: labels", "")


def test_export_and_storage_are_told():
    known = description()
    known["provenance"] |= {
        "export": {"case": "c1", "largest_logit_difference": 2e-5},
        "half_precision": {"dice_before": 0.9, "dice_after": 0.8999, "cases": ["c1"], "bytes_before": 6_800_000,
                           "bytes_after": 3_500_000}}
    assert "at most 2e-05 on slices of c1" in card(known)
    assert "0.9000 before and 0.8999 after, on 1 case (c1); 6.8 MB became 3.5 MB" in card(known)


def test_figures_of_another_network_are_called_so():
    released = description(sha256="a" * 64)
    data = released["provenance"]["data"]
    released["provenance"]["data"] = data | {"training": ["t1", "t2", "c1", "c2"], "validation": []}
    assert "trained on c1, c2, where it was measured" in card(released)
    released["provenance"]["measured"] = {"sha256": "f" * 64, "data": data}
    text = card(released)
    assert "figures of the network `ffffffffffff`, which was trained on 2 cases by the same recipe" in text
    assert "The weights in this bundle were trained on 4 cases" in text
    assert "where it was measured as well" not in text and "Training: 4 cases (t1, t2, c1, c2)" in text


def test_own_figures_are_called_own():
    recorded = description()
    recorded["provenance"]["measured"] = {"sha256": "e" * 64, "data": {"training": ["t1"]}}
    recorded["results"]["cases"] = ["t1"]
    text = card(recorded)
    assert "figures of the network" not in text and "trained on t1, where it was measured as well" in text


def test_cases_of_its_start_are_no_test():
    later = description()
    later["provenance"]["start"] = {"seen": {"sum": "c2"}}
    assert "trained on c2, where it was measured as well" in card(later)


def test_start_and_given_teacher_are_told():
    later = description()
    later["provenance"] |= {"start": {"steps": 900, "minutes": 5.5}, "teacher": {"minutes": 30.0, "steps": 8000}}
    text = card(later)
    assert "2400 steps of 16 slices, learning rate 0.001, going on from a network of 900 steps" in text
    assert "Teacher's schedule: 8000 steps" in text
    assert "teacher 30, what it went on from 5.5, student 12" in text


def test_start_of_a_start_is_told():
    later = description()
    before = {"steps": 400, "minutes": 10.0, "start": {"steps": 1500, "minutes": 40.0}}
    later["provenance"] |= {"start": {"steps": 600, "minutes": 5.5, "start": before}}
    text = card(later)
    assert "going on from a network of 600 steps, that from one of 400, that from one of 1500\n" in text
    assert "what it went on from 55.5, student 12" in text


def test_terms_on_unlabelled_slices_alone():
    told = description()
    told["provenance"]["recipe"]["distillation"] = {"logit": 2.0, "labelled_weight": 0.0}
    assert "- Distillation: logit term x 2, on unlabelled slices alone\n" in card(told)


def test_published_weights_are_named():
    told = description()
    provenance = told["provenance"]
    provenance["recipe"]["student_network"]["early"] = "lite0"
    provenance["pretrained"] = {"weights": "lite0-model", "version": "0.1.0", "licence": "Apache-2.0",
                                "data": "ImageNet", "sha256": "abc"}
    provenance["teacher"] |= {"pretrained": {"weights": "segformer-b1", "sha256": "def"}, "members": [{}, {}]}
    text = card(told)
    assert ("Student's encoder began with ImageNet weights of `lite0-model` 0.1.0 (Apache-2.0, SHA-256 `abc`)") in text
    assert "Teacher's encoder began with `segformer-b1` (SHA-256 `def`)" in text
    assert "Teachers: 2, whose class probabilities were averaged" in text
    assert "Student: hybrid of EfficientNet-Lite0 and transformer blocks, widths 8" in text


def test_pictures_have_captions():
    text = card(description(), ["curves.png", "failures.png", "other.png"])
    assert "while it was trained:\n\n![curves](curves.png)" in text
    assert "reference above, prediction below.\n\n![failures](failures.png)" in text
    assert "![other](other.png)" in text


def test_curves_without_validation_promise_no_dice():
    all_cases = description()
    all_cases["provenance"]["data"]["validation"] = []
    assert "Loss while it was trained:\n\n![curves]" in card(all_cases, ["curves.png"])


def test_failures_name_their_reference():
    told = description()
    told["provenance"]["failures"] = {"reference": "another program's output"}
    assert "each column: another program's output above, prediction below." in card(told, ["failures.png"])


@pytest.mark.parametrize(("rule", "words"), [
    (PostProcessing(), "nothing"),
    (PostProcessing(largest_component=True), "keep the largest part alone"),
    (PostProcessing(minimum_ml=0.5, fill_holes=True), "drop parts below 0.5 mL but for the largest, fill holes"),
])
def test_a_rule_is_put_in_words(rule, words):
    assert rule_in_words(rule) == words


def test_command_writes_the_card(tiny_bundle, capsys):
    assert main([str(tiny_bundle)]) == 0
    assert (tiny_bundle / "README.md").read_text(encoding="utf-8").startswith("# tiny 1.0\n")


def test_no_bundle_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path)]) == BundleError.exit_code
    assert capsys.readouterr().err.count("\n") == 1


def test_shipped_card_is_current():
    folder = default_bundle_folder()
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert (folder / "README.md").read_text(encoding="utf-8") == card(model, pictures), "run Training/card.py on it"
