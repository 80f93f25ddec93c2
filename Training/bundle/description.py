"""Read and change what a bundle's `model.json` says; the card beside it follows at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.model.bundle import DESCRIPTION_FILE
from Training.bundle.card import write_card
from Training.system.files import write_json


def write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Write `model.json` of a bundle, and its card.

    Raises:
        OutputError: if one of them cannot be written.
    """
    write_json(folder / DESCRIPTION_FILE, description)
    write_card(folder)


def read_description(folder: Path) -> dict[str, Any]:
    """Read `model.json` of a verified bundle."""
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
