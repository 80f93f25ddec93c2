"""Changing what a bundle's `model.json` says, in one atomic write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.atomic import atomic_path
from MISTKDSegmentLib.bundle import DESCRIPTION_FILE


def write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write `model.json` of a bundle.

    Raises:
        OutputError: if it cannot be written.
    """
    with atomic_path(folder / DESCRIPTION_FILE) as temporary:
        temporary.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def update_description(folder: Path, **entries: Any) -> None:
    """Replace entries of a verified bundle's `model.json`.

    Raises:
        OutputError: if it cannot be written.
    """
    description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    write_description(folder, description | entries)
