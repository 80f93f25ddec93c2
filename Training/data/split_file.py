"""Split files: which cases are for validation."""

from __future__ import annotations

import json
from pathlib import Path

from MISTKDSegmentLib.errors import InputError


def read_split(path: Path) -> list[str]:
    """Names of the validation cases in a split file.

    Args:
        path: JSON object with "validation" (or "val"), or nnU-Net's `splits_final.json`, whose fold 0 counts.

    Raises:
        InputError: the file cannot be read or has no such list.
    """
    try:
        split = json.loads(path.read_text(encoding="utf-8"))
        fold = split[0] if isinstance(split, list) else split
        names = fold["validation"] if "validation" in fold else fold["val"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f'{path} is no readable split; give JSON with a list "validation".') from error
    if not isinstance(names, list):
        raise InputError(f'"validation" in {path} is not a list of case names; make it one.')
    return [str(name) for name in names]
