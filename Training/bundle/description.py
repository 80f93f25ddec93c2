"""Changing what a bundle's `model.json` says; the card beside it follows at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.model.bundle import DESCRIPTION_FILE
from Training.card import write_card


def write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write `model.json` of a bundle, and its card.

    Raises:
        OutputError: if one of them cannot be written.
    """
    with atomic_path(folder / DESCRIPTION_FILE) as temporary:
        temporary.write_text(json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_card(folder)


def read_description(folder: Path) -> dict[str, Any]:
    """What `model.json` of a verified bundle says."""
    return json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))


def update_description(folder: Path, **entries: Any) -> None:
    """Replace entries of a verified bundle's `model.json`; a mapping given for `provenance` is added to it.

    Raises:
        OutputError: if it cannot be written.
    """
    description = read_description(folder)
    if "provenance" in entries:
        entries["provenance"] = {**description["provenance"], **entries["provenance"]}
    write_description(folder, description | entries)
