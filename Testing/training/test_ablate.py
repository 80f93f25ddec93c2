"""The ablation at toy size: the same student under one budget, with other terms."""

from __future__ import annotations

import json

import pytest
import torch

from Testing.training.prepared_data import write_prepared
from Testing.training.toy import toy_run, write_config
from Training import ablate, train_teacher
from Training.engine.checkpoints import read_trained
from Training.engine.recipe import Distillation
from Training.engine.trainings import new_network


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_prepared(tmp_path_factory.mktemp("ablate") / "data", unlabelled=["u"])


def test_variants_differ_in_their_terms_alone(data):
    run = toy_run([data])
    for name, terms in ablate.variants_of(run).items():
        one = ablate.variant_run(run, name, seed=3)
        on = {term for term in ablate.TERM_WEIGHTS if getattr(one.recipe.distillation, term)}
        assert on == set(terms) and one.recipe.seed == 3
        assert one.recipe.student_schedule == run.recipe.student_schedule
        assert [case.name for case in one.training] == (["a", "b", "u"] if "unlabelled" in name else ["a", "b"])
        assert one.provenance["data"]["unlabelled"] == (["u"] if "unlabelled" in name else [])


def test_weights_of_the_recipe_count_and_missing_ones_are_the_papers(data):
    run = toy_run([data], distillation=Distillation(sequence=0.5, channel=0.0))
    weights = ablate.variant_run(run, "all", seed=0).recipe.distillation
    assert (weights.sequence, weights.channel, weights.relation) == (0.5, 3.0, 10.0)


def test_all_variants_start_from_the_same_weights(data):
    run = toy_run([data])
    one = new_network(run, run.recipe.student_network, None).state_dict()
    torch.rand(5)
    two = new_network(run, run.recipe.student_network, None).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_without_unlabelled_cases_there_is_no_variant_of_them(tmp_path):
    assert ablate.UNLABELLED not in ablate.variants_of(toy_run([write_prepared(tmp_path / "p")]))


@pytest.mark.slow
def test_one_command_trains_scores_and_writes_the_table(data, tmp_path, capsys):
    config = write_config(tmp_path / "toy.yaml")
    shared = [str(data), "--config", str(config)]
    assert train_teacher.main([*shared, "--out", str(tmp_path / "teacher")]) == 0
    teacher = tmp_path / "teacher" / "last.ckpt"
    options = [*shared, "--out", str(tmp_path / "out"), "--teacher", str(teacher)]
    assert ablate.main([*options, "--variants", "[alone, sequence, all+unlabelled]", "--seeds", "[0, 1]"]) == 0
    document = json.loads((tmp_path / "out" / "ablation.json").read_text(encoding="utf-8"))
    assert [row["variant"] for row in document["rows"]] == ["alone", "sequence", "all+unlabelled"]
    assert all(row["seeds"] == 2 and 0 <= row["dice"] <= 1 and row["steps"] == 4 for row in document["rows"])
    for variant in ("alone", "sequence", "all+unlabelled"):
        for seed in (0, 1):
            folder = tmp_path / "out" / f"{variant}-seed{seed}"
            assert json.loads((folder / "results.json").read_text(encoding="utf-8"))["cases"].keys() == {"c"}
            assert read_trained(folder / "last.ckpt").provenance["recipe"]["seed"] == seed
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
    assert "there is no variant magic: choose from alone, sequence" in capsys.readouterr().err


def test_variants_that_nothing_could_score_are_refused_before_any_work(data, tmp_path, capsys):
    options = [str(data), "--config", str(write_config(tmp_path / "toy.yaml", validation=())), "--out",
               str(tmp_path / "out"), "--teacher", "none.ckpt"]
    assert ablate.main(options) == 3
    assert "validation names no case: name those that the variants are scored on" in capsys.readouterr().err
