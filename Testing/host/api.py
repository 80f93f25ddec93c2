"""What a real Slicer 5.12 shows to Python, read from api-5.12.json: everything else is refused."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

# Asked of a running Slicer 5.12.3: names and signatures, no code.
API_FILE = Path(__file__).with_name("api-5.12.json")

# Read by hand of PythonQt's sources: these work on every wrapped object without being listed anywhere.
ALWAYS = {"className", "inherits", "help", "delete"}
# The file was written by cutting "b" off these names.
CUT_NAMES = {"ytesWritten": "bytesWritten", "uttonClicked": "buttonClicked", "ackward": "backward",
             "ackwardAvailable": "backwardAvailable", "rowse": "browse"}


@dataclass(frozen=True)
class ClassApi:
    """Names of one class: properties with their C++ type, signals and slots by signature, other methods and enums."""

    name: str
    properties: dict[str, str]
    signals: tuple[str, ...]
    slots: tuple[str, ...]
    other: frozenset[str]

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]

    @functools.cached_property
    def signal_names(self) -> frozenset[str]:
        return frozenset(map(name_of, self.signals))

    @functools.cached_property
    def slot_names(self) -> frozenset[str]:
        return frozenset(map(name_of, self.slots))

    def signatures_of(self, signal: str) -> list[str]:
        return [signature for signature in self.signals if name_of(signature) == signal]

    def is_method(self, name: str) -> bool:
        return name in self.slot_names or name in self.other or name in ALWAYS

    def refuse(self, name: str) -> AttributeError:
        return AttributeError(f"{self.name} has no attribute named '{name}' in Slicer 5.12 "
                              f"({API_FILE.name} does not list it).")


def name_of(signature: str) -> str:
    return signature.partition("(")[0]


def types_of(signature: str) -> list[str]:
    inside = signature.partition("(")[2].rpartition(")")[0]
    return [part for part in inside.split(",") if part]


def normalised(signature: str) -> str:
    """The signature as Qt compares it: no blanks but between words, no `const … &`."""
    signature = re.sub(r"\bconst\b", "", signature)
    signature = re.sub(r"\s+", "", signature)
    return re.sub(r"(?<=[\w>])&(?=[,)])", "", signature)


@functools.cache
def load() -> dict:
    return json.loads(API_FILE.read_text(encoding="utf-8"))


@functools.cache
def class_api(full_name: str) -> Optional[ClassApi]:
    """The API of "qt.QLabel", "ctk.ctkSliderWidget", "slicer.qMRMLNodeComboBox", "app", …; None when not listed."""
    data = load()
    entry = data["widgets"].get(full_name) or data.get(full_name)
    if not isinstance(entry, dict):
        return None
    entries = [entry]
    if "also" in entry:
        entries.append(data["widgets"][entry["also"]])
    return ClassApi(full_name, _merged_properties(entries), _signatures(entries, "signals"),
                    _signatures(entries, "slots"), frozenset(n for e in entries for n in e.get("other", ())))


def listed_classes() -> list[str]:
    return list(load()["widgets"])


def python_names(module: str) -> dict[str, object]:
    """What the file lists of a Python module: "slicer.util", "SampleData", …"""
    return load()["python"][module]


def _merged_properties(entries: list[dict]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for entry in reversed(entries):
        merged.update(entry.get("properties", {}))
    return merged


def _signatures(entries: list[dict], kind: str) -> tuple[str, ...]:
    found = [_mended(signature) for entry in entries for signature in entry.get(kind, ())]
    return tuple(dict.fromkeys(found))


def _mended(signature: str) -> str:
    name = name_of(signature)
    return CUT_NAMES.get(name, name) + signature[len(name):]
