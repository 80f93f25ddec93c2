"""Runs over more and more scans."""

from __future__ import annotations

import pytest

pytest.importorskip("psutil")

from Testing.benchmarks import number_of_scans


@pytest.mark.slow
def test_each_step_is_measured_and_the_scans_do_not_stay(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setitem(number_of_scans.NUMBERS, True, (2, 3))
    two, three = number_of_scans.measure_numbers(tiny_bundle, tmp_path / "n", True)
    assert (two.scans, three.scans) == (2, 3) and min(*two, *three) > 0
    assert not any((tmp_path / "n").iterdir())
