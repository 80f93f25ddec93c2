"""The organs to learn: the eight of the benchmark, or those of a file."""

from __future__ import annotations

import colorsys
import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS, ANATOMICAL_STRUCTURE, Code, Label
from Training.data.label_map import identifier
from Training.data.prepared import IGNORE
from Training.system.files import read_yaml
from Training.system.words import spaced

PRIVATE_SCHEME = "99MISTKD"
MAX_ORGANS = IGNORE - 1
_KEYS = {"name", "title", "color", "category", "type", "modifier", "plausible_ml"}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CODE_LENGTH = 16  # of a code value and a scheme designator (DICOM PS3.5, SH)
_GOLDEN = 0.618034


def read_organs(path: Path) -> tuple[Label, ...]:
    """Read the organs to learn: a YAML list; channel and value of each are its place in the list.

    An entry is a name or a table with `name` and, each optional, `title`, `color` ([red, green, blue], 0 to 255), the
    codes `category`, `type` and `modifier` ({scheme, value, meaning}), and `plausible_ml` ([smallest, largest volume
    of an adult], outside of which results are flagged). The eight organs of the benchmark need
    the name alone. What others leave out becomes: the name with a capital, a colour of a palette, SCT 123037004
    Anatomical Structure, and a type in the private coding scheme 99MISTKD.

    Raises:
        InputError: the file cannot be read or says something else.
    """
    content = read_yaml(path)
    if not isinstance(content, list) or not 1 <= len(content) <= MAX_ORGANS:
        raise InputError(f"{path} is no list of 1 to {MAX_ORGANS} organs; write one name per line after a dash.")
    organs = tuple(_organ(value, entry, path) for value, entry in enumerate(content, 1))
    names = [organ.name for organ in organs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path} names {twice} twice; remove one.")
    return organs


def _organ(value: int, entry: Any, path: Path) -> Label:
    given = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(given, dict) or "name" not in given or not set(given) <= _KEYS:
        raise InputError(f"{path} has {entry!r} as an organ; give a name, and {', '.join(sorted(_KEYS - {'name'}))} "
                         "if you like.")
    name = identifier(str(given["name"]))
    if not _NAME.fullmatch(name):
        raise InputError(f"{path} names an organ {given['name']!r}; use letters, digits and underscores.")
    usual = next((label for label in ABDOMEN_LABELS if label.name == name), None) or _new_label(value, name)
    category, type_, modifier = (_code(given[key], name, path) if given.get(key) else getattr(usual, key)
                                 for key in ("category", "type", "modifier"))
    color = _color(given["color"], name, path) if "color" in given else usual.color
    plausible_ml = _volumes(given["plausible_ml"], name, path) if "plausible_ml" in given else usual.plausible_ml
    return Label(value, name, str(given.get("title", usual.title)), color, category, type_, modifier, plausible_ml)


def _volumes(given: Any, name: str, path: Path) -> tuple[float, float]:
    try:
        low, high = (float(volume) for volume in given)
    except (TypeError, ValueError):
        low, high = 0.0, 0.0
    if not 0 <= low < high < math.inf:
        raise InputError(f"{path} gives {name} plausible_ml {given!r}; give two volumes in mL, e.g. [20, 250].")
    return low, high


def _new_label(value: int, name: str) -> Label:
    title = spaced(name).capitalize()
    code = name if len(name) <= _CODE_LENGTH else f"{name[:9]}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return Label(value, name, title, _palette(value), ANATOMICAL_STRUCTURE, Code(PRIVATE_SCHEME, code, title))


def _palette(value: int) -> tuple[int, int, int]:
    """Neighbours in the list get hues far apart."""
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(value * _GOLDEN % 1, 0.65, 0.9))
    return red, green, blue


def _color(entry: Any, name: str, path: Path) -> tuple[int, int, int]:
    channels = entry if isinstance(entry, list) else []
    if len(channels) != 3 or not all(isinstance(c, int) and 0 <= c <= 255 for c in channels):
        raise InputError(f"{path} has the color {entry!r} for {name}; give [red, green, blue], each 0 to 255.")
    red, green, blue = channels
    return red, green, blue


def _code(entry: Any, name: str, path: Path) -> Code:
    if not isinstance(entry, Mapping) or set(entry) != {"scheme", "value", "meaning"}:
        raise InputError(f"{path} has the code {entry!r} for {name}; give scheme, value and meaning.")
    code = Code(*(str(entry[key]) for key in ("scheme", "value", "meaning")))
    if max(len(code.scheme), len(code.value)) > _CODE_LENGTH:
        raise InputError(f"{path} has a code of {name} with over {_CODE_LENGTH} characters; DICOM allows no more.")
    return code
