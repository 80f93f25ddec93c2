"""What a run writes down of itself."""

from __future__ import annotations

import json
import subprocess

import torch

from Testing.training.prepared_data import write_prepared
from Testing.training.toy import RECIPE, TRAINER, toy_run
from Training.engine.provenance import commit, hardware, write_facts


def test_provenance_is_complete(tmp_path):
    facts = toy_run([write_prepared(tmp_path / "p", unlabelled=["u"])]).provenance
    assert facts["recipe"] == RECIPE.as_plain()
    assert {part: facts["data"][part] for part in ("training", "validation", "unlabelled")} == {
        "training": ["a", "b"], "validation": ["c"], "unlabelled": ["u"]}
    assert all(len(digest) == 64 for digest in facts["data"]["sha256"].values())
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["hardware"] == hardware(TRAINER)
    write_facts(tmp_path, facts)
    assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8")) == facts


def test_unknown_commit(monkeypatch):
    def missing(*_args, **_kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    assert commit() == "unknown"
