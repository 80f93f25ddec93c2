"""The wait for the first labels is measured with the module's own child process."""

from __future__ import annotations

import pytest

from MISTKDSegmentLib.model.bundle import default_bundle_folder
from MISTKDSegmentLib.phantom.abdomen import make_phantom
from Testing.benchmarks import child


def test_the_first_labels_come_after_a_while(monkeypatch):
    monkeypatch.setattr(child, "WARM_UP_S", 0.0)
    assert child.first_labels_seconds(make_phantom()[0], default_bundle_folder(), 1) > 0


def test_a_child_that_labels_nothing_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(child, "WARM_UP_S", 0.0)
    with pytest.raises(RuntimeError, match="before it labelled"):
        child.first_labels_seconds(make_phantom()[0], tmp_path, 1)
