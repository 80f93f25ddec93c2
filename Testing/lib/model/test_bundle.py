"""Bundles: what is whole is read, what is damaged is refused in one sentence."""

from __future__ import annotations

import json

import pytest

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS


def edit(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def test_everything_that_inference_needs_comes_from_the_bundle(tiny_bundle):
    bundle = load_bundle(tiny_bundle)
    assert [label.name for label in bundle.labels] == ["liver", "spleen"]
    assert bundle.labels[0] == ABDOMEN_LABELS[4]
    assert bundle.input.window_hu == (-125.0, 275.0)
    assert bundle.postprocessing["liver"].largest_component


def test_a_description_from_before_holes_were_filled_fills_none(tiny_bundle):
    assert not load_bundle(tiny_bundle).postprocessing["liver"].fill_holes


def test_holes_are_filled_where_the_bundle_says_so(tiny_bundle):
    edit(tiny_bundle, postprocessing={"liver": {"largest_component": False, "minimum_ml": 0.0, "fill_holes": True}})
    assert load_bundle(tiny_bundle).postprocessing["liver"].fill_holes


def test_logit_offsets_are_read_and_were_unknown_before(tiny_bundle):
    assert load_bundle(tiny_bundle).postprocessing["liver"].logit_offset == 0
    rule = {"largest_component": False, "minimum_ml": 0.0, "logit_offset": 0.5}
    edit(tiny_bundle, postprocessing={"liver": rule})
    assert load_bundle(tiny_bundle).postprocessing["liver"].logit_offset == 0.5
    for wrong in (11, float("nan"), "much"):
        edit(tiny_bundle, postprocessing={"liver": rule | {"logit_offset": wrong}})
        with pytest.raises(BundleError, match="not a valid model description"):
            load_bundle(tiny_bundle)


@pytest.mark.parametrize(("part", "entry"), [
    ("input", {"orientation": "coronal"}), ("postprocessing", {"smooth_mm": 3.0})])
def test_what_only_newer_programs_know_is_refused_and_not_left_out(tiny_bundle, part, entry):
    description = json.loads((tiny_bundle / "model.json").read_text())
    known = description[part] if part == "input" else description[part]["liver"]
    edit(tiny_bundle, **{part: known | entry if part == "input" else {"liver": known | entry}})
    with pytest.raises(BundleError, match=f"asks for '{next(iter(entry))}', which this program does not know"):
        load_bundle(tiny_bundle)


def test_a_card_and_pictures_beside_the_model_are_no_problem(tiny_bundle):
    (tiny_bundle / "README.md").write_text("# tiny\n")
    (tiny_bundle / "curves.png").write_bytes(b"")
    assert load_bundle(tiny_bundle).name == "tiny"


def test_the_bundle_that_ships_is_whole_and_knows_the_eight_organs():
    bundle = load_bundle(default_bundle_folder())
    assert bundle.labels == ABDOMEN_LABELS
    parameters = bundle.provenance["parameters"]
    assert 8 * parameters["student"] <= parameters["teacher"]
    assert "research" in bundle.licence.lower()


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"nowhere.*name the folder of a model bundle"):
        load_bundle(tmp_path / "nowhere")


def test_a_network_that_is_not_the_described_one_is_refused(tiny_bundle):
    with open(tiny_bundle / "model.onnx", "ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match="checksum"):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000])
def test_a_description_that_is_no_description_is_refused(tiny_bundle, text):
    (tiny_bundle / "model.json").write_text(text)
    with pytest.raises(BundleError, match=r"model\.json"):
        load_bundle(tiny_bundle)


def test_another_schema_version_is_refused(tiny_bundle):
    edit(tiny_bundle, schema_version=2)
    with pytest.raises(BundleError, match="schema version 2"):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize("key", ["name", "labels", "input", "sha256", "postprocessing", "licence"])
def test_a_missing_entry_is_named(tiny_bundle, key):
    path = tiny_bundle / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    del description[key]
    path.write_text(json.dumps(description))
    with pytest.raises(BundleError, match=f"'{key}' is missing"):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize(
    ("key", "value"),
    [("window_hu", [275, -125]), ("window_hu", [1]), ("pixel_spacing_mm", 0), ("pixel_spacing_mm", "wide"),
     ("multiple", 0), ("multiple", 10**9), ("context_offsets_mm", []), ("slice_step_mm", -1),
     ("context_offsets_mm", [float("nan")])],
)
def test_an_impossible_input_contract_is_refused(tiny_bundle, key, value):
    contract = json.loads((tiny_bundle / "model.json").read_text(encoding="utf-8"))["input"]
    edit(tiny_bundle, input=contract | {key: value})
    with pytest.raises(BundleError, match="not a valid model description"):
        load_bundle(tiny_bundle)


def test_two_organs_with_one_value_are_refused(tiny_bundle):
    labels = json.loads((tiny_bundle / "model.json").read_text(encoding="utf-8"))["labels"]
    edit(tiny_bundle, labels=[labels[0], labels[1] | {"value": labels[0]["value"]}])
    with pytest.raises(BundleError, match="same value"):
        load_bundle(tiny_bundle)


def test_an_organ_that_the_model_does_not_know_is_refused_with_those_it_knows(tiny_bundle):
    with pytest.raises(BundleError, match=r"'lung'.*liver, spleen"):
        load_bundle(tiny_bundle).label("lung")
