"""What a child leaves of itself in its folder, for the case that it can say no more: its memory and how far it is."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

_FILE = "last_word.json"
_ROOM = b" " * 200  # more than a word takes


@dataclass(frozen=True)
class LastWord:
    """How a child was doing, at most some tenths of a second before it ended.

    Attributes:
        peak_bytes: the most memory that it has taken; None where the system does not tell.
        slices_done: labelled so far.
        slices_total: to label in all; 0 until the model is loaded.
    """

    peak_bytes: Optional[int]
    slices_done: int = 0
    slices_total: int = 0


def make_room(folder: Path) -> None:
    """Make the file in which a child leaves its word; the window does so before it starts one."""
    (folder / _FILE).write_bytes(_ROOM)


def leave(folder: Path, word: LastWord) -> None:
    """Put a word in the place of the one before; harmless where the folder is gone."""
    # Never made anew: it could appear while the window deletes the folder, which would then stay.
    with suppress(OSError), open(folder / _FILE, "r+b", buffering=0) as file:
        file.write(json.dumps(asdict(word)).encode().ljust(len(_ROOM)))


def find(folder: Path) -> Optional[LastWord]:
    """The word that a child left; None where there is none."""
    try:
        return LastWord(**json.loads((folder / _FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
