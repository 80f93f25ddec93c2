"""Label map files: which of a data set's labels become which of our organs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.errors import InputError
from Training.system.files import read_yaml
from Training.system.words import listed

SHIPPED = Path(__file__).parent / "label_maps"
_KEYS = ("organs", "sides", "ignore", "unknown")


@dataclass(frozen=True)
class Sides:
    """Labels of a data set that hold an organ of both sides, and our organ of each side."""

    labels: tuple[str, ...]
    left: str
    right: str


@dataclass(frozen=True)
class LabelMap:
    """A label map file.

    Attributes:
        source: the file, for messages.
        organs: name of our organ -> the data set's labels that make it up. A label is a name, a value in digits,
            or several spellings with "|" between them, of which the first that the data set has counts.
        sides: labels to be told apart by the side on which they lie.
        ignore: labels whose voxels count neither as an organ nor as background.
        unknown: organs that the reference does not annotate, whatever labels there are.
    """

    source: str
    organs: Mapping[str, tuple[str, ...]]
    sides: tuple[Sides, ...] = ()
    ignore: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def find_label_map(name_or_file: Path) -> Path:
    """A label map file, or the one of that name that comes with the program.

    Raises:
        InputError: there is neither.
    """
    shipped = SHIPPED / f"{name_or_file}.yaml"
    for path in (name_or_file, shipped):
        if path.is_file():
            return path
    names = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
    raise InputError(f"{name_or_file} is no label map file; name one, or one of {listed(names)}.")


def read_label_map_file(path: Path) -> LabelMap:
    """Read a label map (YAML) with "organs", "sides", "ignore" and "unknown", each optional.

    Raises:
        InputError: the file cannot be read or says something else.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not content or not set(content) <= set(_KEYS):
        raise InputError(f"{path} is no label map; give it {listed(_KEYS)} alone.")
    organs = content.get("organs") or {}
    sides = content.get("sides") or []
    if not isinstance(organs, dict) or not isinstance(sides, list):
        raise InputError(f'{path} is no label map; make "organs" a table and "sides" a list.')
    return LabelMap(
        str(path),
        {identifier(str(name)): _labels(labels, path) for name, labels in organs.items()},
        tuple(_sides(entry, path) for entry in sides),
        _labels(content.get("ignore") or [], path),
        tuple(identifier(name) for name in _labels(content.get("unknown") or [], path)),
    )


def identifier(name: str) -> str:
    """An organ's name without the differences in spelling that mean nothing."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _labels(entry: Any, path: Path) -> tuple[str, ...]:
    labels = entry if isinstance(entry, list) else [entry]
    if not all(isinstance(label, (str, int)) and not isinstance(label, bool) for label in labels):
        raise InputError(f"{path} has {entry!r} where a label's name or value belongs; correct it.")
    return tuple(str(label) for label in labels)


def _sides(entry: Any, path: Path) -> Sides:
    if not isinstance(entry, dict) or set(entry) != {"labels", "left", "right"}:
        raise InputError(f'{path} has {entry!r} under "sides"; give each entry labels, left and right.')
    return Sides(_labels(entry["labels"], path), identifier(str(entry["left"])), identifier(str(entry["right"])))
