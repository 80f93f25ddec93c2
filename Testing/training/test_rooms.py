"""The rooms of Training: each imports only those above it, nothing goes in circles, no two classes share a name."""

from __future__ import annotations

import ast
import re
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

TRAINING = Path(__file__).resolve().parents[2] / "Training"
LIBRARY = TRAINING.parent / "MISTKDSegment" / "MISTKDSegmentLib"
FILES = sorted(TRAINING.rglob("*.py"))
SCRIPTS = sorted(path for path in TRAINING.glob("*.py") if path.name not in ("__init__.py", "clone.py"))
# As the table in Training/README.md has them.
ROOMS = [room for room in re.findall(r"^\| `(\w+)` \|", (TRAINING / "README.md").read_text(encoding="utf-8"), re.M)
         if list((TRAINING / room).glob("*.py"))]


def imported(path: Path) -> set[Path]:
    """Files of Training that a file imports, also within its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "Training":
            module = TRAINING.parent.joinpath(*(node.module or "").split("."))
            found |= {file for name in ("", *(alias.name for alias in node.names))
                      if (file := (module / name).with_suffix(".py")).is_file()}
    return found


def room_of(path: Path) -> int:
    """Place of a file's room in the table; scripts come last."""
    parts = path.relative_to(TRAINING).parts
    return ROOMS.index(parts[0]) if len(parts) > 1 else len(ROOMS)


def test_every_room_is_in_the_table():
    assert {path.parent.name for path in TRAINING.glob("*/__init__.py")} == set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TRAINING).as_posix())
def test_a_room_imports_only_those_above_it(path):
    assert sorted(file.name for file in imported(path) if room_of(file) > room_of(path)) == []


def test_nothing_imports_in_circles():
    assert list(TopologicalSorter({path: imported(path) for path in FILES}).static_order())


def test_no_two_classes_share_a_name():
    names = Counter(name for path in [*FILES, *LIBRARY.rglob("*.py")]
                    for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.M))
    ours = {name for path in FILES for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.M)}
    assert sorted(name for name in ours if names[name] > 1) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_has_a_main(path):
    text = path.read_text(encoding="utf-8")
    assert "def main(argv: Sequence[str] | None = None) -> int:" in text
    assert "if not __package__:\n    import clone" in text and text.rstrip().endswith("sys.exit(main())")
