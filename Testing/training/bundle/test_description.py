"""Changing model.json keeps the rest of it and brings the card along."""

from __future__ import annotations

import pytest

from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.model.bundle import load_bundle
from Training.bundle.description import read_description, update_description


def test_one_entry_changes(tiny_bundle):
    before = read_description(tiny_bundle)
    update_description(tiny_bundle, version="2.0")
    assert read_description(tiny_bundle) == before | {"version": "2.0"}
    assert load_bundle(tiny_bundle).version == "2.0"


def test_provenance_is_added_to(tiny_bundle):
    update_description(tiny_bundle, provenance={"commit": "abc"})
    update_description(tiny_bundle, provenance={"seed": 1})
    assert load_bundle(tiny_bundle).provenance == {"commit": "abc", "seed": 1}


def test_the_card_follows(tiny_bundle):
    update_description(tiny_bundle, version="2.0")
    assert "# tiny 2.0" in (tiny_bundle / "README.md").read_text(encoding="utf-8")


def test_unwritable_card_is_named(tiny_bundle):
    (tiny_bundle / "README.md").mkdir()
    with pytest.raises(OutputError, match=r"README\.md"):
        update_description(tiny_bundle, version="2.0")
