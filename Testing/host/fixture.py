"""The pytest fixture `host`, and the reason for skipping where an emulated Slicer cannot be opened."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import pytest


def _missing() -> Optional[str]:
    for name, package in (("PySide6", "PySide6-Essentials"), ("slicer_core", "slicer-core")):
        if importlib.util.find_spec(name) is None:
            return f"needs the package {package}"
    try:
        importlib.import_module("PySide6.QtWidgets")
    except ImportError as error:
        return f"needs libraries of the system that Qt does not find ({error})"
    return None


NEEDS_HOST = pytest.mark.skipif(_missing() is not None, reason=_missing() or "there")


def open_host(*args: Union[str, Path, None], **keywords: Any) -> Any:
    """Opens an emulated Slicer; see Testing.host.host.open_host. Skips the test where it cannot."""
    reason = _missing()
    if reason is not None:
        pytest.skip(f"an emulated Slicer {reason}")
    from Testing.host.host import open_host as opened
    return opened(*args, **keywords)


@pytest.fixture
def host() -> Iterator[Any]:
    """An emulated Slicer with MISTKDSegment open; closed, and its problems raised, after the test."""
    with open_host() as opened:
        yield opened
