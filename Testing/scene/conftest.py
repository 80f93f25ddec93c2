"""The scene that most of these tests start from."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from Testing.scene.mrml import World

# slicer-core is there for some Python versions only (pyproject.toml).
collect_ignore_glob = [] if importlib.util.find_spec("slicer_core") else ["test_*.py"]


def pytest_report_header() -> str:
    """Say it where these tests are left out."""
    return "Testing/scene is left out: slicer-core is not installed" if collect_ignore_glob else ""


@pytest.fixture
def world() -> World:
    from Testing.scene.mrml import World

    return World()
