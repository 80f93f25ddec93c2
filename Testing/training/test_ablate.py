"""The ablation at toy size: the same student under one budget, with other terms."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from Testing.training.prepared_data import write_prepared
from Testing.training.toy import RECIPE, toy_run, write_config
from Training import ablate, train_teacher
from Training.engine.checkpoints import read_trained
from Training.engine.recipe import Distillation
from Training.engine.trainings import new_network
from Training.engine.variants import VARIANTS, usual_variants, variant_recipe, variant_run, variants_of
from Training.networks.config import HYBRID_STUDENT, HYBRID_TEACHER


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("ablate") / "data", unlabelled=["u"])


TERMS = ("sequence", "relation", "channel", "logit")


def terms_of(recipe):
    return {term for term in TERMS if getattr(recipe.distillation, term)}


def test_variants_differ_in_nothing_but_what_they_are_about(data):
    run = toy_run([data], student_network=HYBRID_STUDENT, teacher_network=HYBRID_TEACHER)
    allowed = variants_of(run, teachers=2)
    assert list(allowed) == list(VARIANTS)
    for name, variant in allowed.items():
        one = variant_run(run, name, seed=3)
        expected = {"sequence", "logit"} if variant.terms is None else set(variant.terms)
        assert terms_of(one.recipe) == expected and one.recipe.seed == 3
        assert one.recipe.student_schedule == run.recipe.student_schedule
        assert [case.name for case in one.training] == (["a", "b", "u"] if variant.unlabelled else ["a", "b"])
        assert one.provenance["data"]["unlabelled"] == (["u"] if variant.unlabelled else [])
        assert (one.recipe.student_start == "random") == (name in ("alone+random-start", "all+random-start"))
        assert (one.recipe.pixel_spacing_mm == 2.0) == (name == "alone+2mm")
        assert (one.recipe.augmentation.phase == one.recipe.augmentation.arterial == 0) == (name == "alone+no-phases")
        assert (one.recipe.distillation.teacher_zooms != (1.0,)) == (name == "all+zooms")
        one.recipe.check()


def test_all_terms_are_those_of_the_recipe_and_a_named_one_has_a_usual_weight_where_the_recipe_has_none():
    recipe = replace(RECIPE, distillation=Distillation(sequence=0.5, relation=2.0, logit=0.0))
    assert terms_of(variant_recipe(recipe, "all", 0)) == {"sequence", "relation"}
    weights = variant_recipe(recipe, "sequence+logit", 0).distillation
    assert (weights.sequence, weights.relation, weights.logit) == (0.5, 0.0, 1.0)


def test_a_teacher_of_unlabelled_slices_speaks_of_labelled_ones_where_there_are_no_others():
    recipe = replace(RECIPE, distillation=Distillation(labelled_weight=0.0))
    weights = {name: variant_recipe(recipe, name, 0).distillation.labelled_weight for name in VARIANTS}
    assert {name for name, weight in weights.items() if not weight} == {"all+unlabelled", "recipe"}


def test_coarse_pixels_show_as_many_millimetres():
    recipe = replace(RECIPE, pixel_spacing_mm=1.5, view=(160, 256), wide_view=(224, 320))
    coarse = variant_recipe(recipe, "alone+2mm", 0)
    assert (coarse.view, coarse.wide_view) == ((128, 192), (160, 256))


def test_the_whole_recipe_keeps_its_pixel_sizes_and_the_others_have_one():
    recipe = replace(RECIPE, distillation=Distillation(teacher_zooms=(0.9, 1.0)))
    zooms = {name: variant_recipe(recipe, name, 0).distillation.teacher_zooms
             for name in ("all", "all+zooms", "recipe")}
    assert zooms == {"all": (1.0,), "all+zooms": (0.9, 1.0), "recipe": (0.9, 1.0)}


def test_what_the_data_and_the_teachers_do_not_allow_is_no_variant(tmp_path):
    run = toy_run([write_prepared(tmp_path / "p")], pixel_spacing_mm=2.0)
    missing = set(VARIANTS) - set(variants_of(run, teachers=1))
    assert missing == {"all+unlabelled", "all+ensemble", "alone+random-start", "all+random-start", "alone+2mm"}
    # With this recipe, all its terms are sequence and logit: one training for both.
    assert usual_variants(run, teachers=1) == ["alone", "sequence", "sequence+logit"]


def test_all_variants_start_from_the_same_weights(data):
    run = toy_run([data])
    one = new_network(run, run.recipe.student_network, None).state_dict()
    torch.rand(5)
    two = new_network(run, run.recipe.student_network, None).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_one_command_trains_scores_and_writes_the_table(data, tmp_path, capsys):
    config = write_config(tmp_path / "toy.yaml")
    shared = [str(data), "--config", str(config)]
    assert train_teacher.main([*shared, "--out", str(tmp_path / "teacher")]) == 0
    teachers = [str(tmp_path / "teacher" / name) for name in ("last.ckpt", "previous.ckpt")]
    options = [*shared, "--out", str(tmp_path / "out"), "--teacher", *teachers, "--phases"]
    variants = ("alone", "all+unlabelled", "all+ensemble")
    assert ablate.main([*options, "--variants", f"[{', '.join(variants)}]", "--seeds", "[0, 1]"]) == 0
    document = json.loads((tmp_path / "out" / "ablation.json").read_text(encoding="utf-8"))
    assert [row["variant"] for row in document["rows"]] == list(variants)
    assert all(row["seeds"] == 2 and 0 <= row["dice"] <= 1 and row["steps"] == 4 for row in document["rows"])
    assert all(0 <= row["dice_arterial"] <= 1 and 0 <= row["dice_non-contrast"] <= 1 for row in document["rows"])
    for variant in variants:
        for seed in (0, 1):
            folder = tmp_path / "out" / f"{variant}-seed{seed}"
            assert json.loads((folder / "results.json").read_text(encoding="utf-8"))["cases"].keys() == {"c"}
            provenance = read_trained(folder / "last.ckpt").provenance
            assert provenance["recipe"]["seed"] == seed and provenance["variant"] == variant
            assert len(provenance.get("teacher", {}).get("members", ())) == (2 if variant == "all+ensemble" else 0)
    assert "Written: ablation.csv" in capsys.readouterr().out


@pytest.mark.slow
def test_a_dry_run_trains_nothing(data, tmp_path, capsys):
    config = write_config(tmp_path / "toy.yaml")
    assert train_teacher.main([str(data), "--config", str(config), "--out", str(tmp_path / "teacher")]) == 0
    options = [str(data), "--config", str(config), "--out", str(tmp_path / "out"), "--teacher",
               str(tmp_path / "teacher" / "last.ckpt"), "--variants", "[alone, sequence]"]
    assert ablate.main([*options, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "alone-seed0" in printed and "sequence-seed0" in printed and not (tmp_path / "out").exists()
    assert ablate.main([*options, "--seeds", "[-1]"]) == 3
    assert "seed is -1" in capsys.readouterr().err


def test_an_unknown_variant_is_refused_before_any_work(data, tmp_path, capsys):
    options = [str(data), "--config", str(write_config(tmp_path / "toy.yaml")), "--out", str(tmp_path / "out"),
               "--teacher", "none.ckpt", "--variants", "[magic]"]
    assert ablate.main(options) == 3
    error = capsys.readouterr().err
    assert "there is no variant magic of these data and teachers: choose from alone, sequence" in error


def test_variants_that_nothing_could_score_are_refused_before_any_work(data, tmp_path, capsys):
    options = [str(data), "--config", str(write_config(tmp_path / "toy.yaml", validation=())), "--out",
               str(tmp_path / "out"), "--teacher", "none.ckpt"]
    assert ablate.main(options) == 3
    assert "validation names no case: name those that the variants are scored on" in capsys.readouterr().err
