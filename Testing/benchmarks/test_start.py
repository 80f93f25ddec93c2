"""Imports are added up by package."""

from __future__ import annotations

import pytest

from Testing.benchmarks.start import OTHERS, by_package, environment

REPORT = """import time: self [us] | cumulative | imported package
import time:      1000 |       1000 |   re
import time:       500 |       1500 |   json
import time:       200 |        200 |     numpy.core
import time:       300 |        500 |   numpy
something else
"""


def test_modules_add_up_by_package_without_those_that_they_import():
    assert by_package(REPORT) == pytest.approx({OTHERS: 0.0015, "numpy": 0.0005})


def test_programs_are_measured_with_compiled_modules(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in environment()
