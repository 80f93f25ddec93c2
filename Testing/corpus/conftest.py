"""What the corpus shares: one worker for each file of tests, and a model that looks at each voxel alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from Testing.conftest import write_tiny_bundle
from Testing.corpus.worker import fresh_worker


@pytest.fixture(scope="module")
def work() -> Iterator[Callable[..., Any]]:
    with fresh_worker() as run:
        yield run


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundle"))
