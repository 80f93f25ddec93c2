"""Hosts for the host's own tests: one without a module, one with a small panel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from Testing.host import open_host


@pytest.fixture
def bare() -> Iterator[Any]:
    with open_host(None) as host:
        yield host


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Any]:
    from Testing.host.small_panel import write_small_panel
    with open_host(write_small_panel(tmp_path / "SmallPanel")) as host:
        yield host
