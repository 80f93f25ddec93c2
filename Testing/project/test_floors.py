"""The floors of the library: who may import whom, no circles, one name for one class, nothing left over."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from MISTKDSegmentLib.cli.main import COMMANDS
from Testing.project.import_graph import MODULE, circles, imports, modules, reached

KNOWN = modules(MODULE / "MISTKDSegmentLib")
ROOT = "MISTKDSegmentLib"
# From the bottom up. Every room may also use the package's version.
FLOORS = {
    "errors": (),
    "allocator": (),
    "cgroup": (),
    "system": ("cgroup",),
    "extras": ("errors",),
    "geometry": ("errors",),
    "model": ("errors",),
    "phantom": ("geometry", "model"),
    "inference": ("errors", "geometry", "model", "system"),
    "io": ("errors", "geometry", "inference", "model"),
    "report": ("errors", "geometry", "inference", "io", "model"),
    "api": ("errors", "extras", "geometry", "inference", "io", "model", "report"),
    "batch": ("allocator", "api", "cgroup", "errors", "geometry", "inference", "io", "model", "phantom", "report",
              "system"),
    "cli": ("allocator", "api", "batch", "errors", "extras", "geometry", "inference", "model", "report", "system"),
    "__main__": ("cli",),
    # What Slicer runs: no front door, no command line.
    "child": ("allocator", "errors", "geometry", "inference", "model", "report", "system"),
    "slicer.scene": ("errors", "geometry", "inference", "model", "report"),
    "slicer.panel": ("cgroup", "child", "errors", "geometry", "inference", "io", "model", "phantom", "report",
                     "slicer.scene", "system"),
    "slicer": (),
}


def room_of(name: str) -> str:
    """The room of a module: the folder below the package, or a file that stands by itself."""
    parts = name.split(".")[1:]
    return ".".join(parts[:2 if parts[0] == "slicer" else 1]) if parts else ROOT


def names_in(graph: dict[str, Path]) -> list[str]:
    return [name for name in graph if name != ROOT]


@pytest.mark.parametrize("name", names_in(KNOWN))
def test_a_module_imports_from_its_room_and_those_below(name: str) -> None:
    room = room_of(name)
    rooms = {room_of(other) for other in imports(KNOWN[name], KNOWN)} - {room, ROOT}
    assert sorted(rooms - set(FLOORS[room])) == []


def test_no_room_stands_on_one_above_it() -> None:
    order = list(FLOORS)
    assert [(room, below) for room in order for below in FLOORS[room] if order.index(below) > order.index(room)] == []


def test_the_package_itself_looks_into_the_house_for_types_alone() -> None:
    assert imports(KNOWN[ROOT], KNOWN, for_types=False) == set()


def test_nothing_imports_in_circles() -> None:
    # The front door names what lies behind it, and what lies behind it may ask for the version on the door.
    graph = {name: imports(KNOWN[name], KNOWN) - {ROOT} for name in names_in(KNOWN)}
    assert circles(graph) == []


def test_no_two_classes_share_a_name() -> None:
    homes = defaultdict(list)
    for name, path in KNOWN.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_every_module_is_reached_from_a_door() -> None:
    doors = [MODULE / "MISTKDSegment.py", KNOWN[f"{ROOT}.__main__"], KNOWN[f"{ROOT}.child.program"]]
    doors += [KNOWN[command.module] for command in COMMANDS.values() if command.module in KNOWN]
    doors += [KNOWN[name] for name in imports(KNOWN[ROOT], KNOWN)]
    left_over = set(KNOWN.values()) - reached(doors, KNOWN)
    assert sorted(path.relative_to(MODULE).as_posix() for path in left_over if path.name != "__init__.py") == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_imports_are_found_within_functions_and_for_types(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("import x.one\nfrom x import two\nfrom y import z\nif TYPE_CHECKING:\n    from x import three\n"
                    "def f():\n    from x.four import g\n", encoding="utf-8")
    known = ["x", "x.one", "x.two", "x.three", "x.four"]
    assert imports(path, known) == {"x.one", "x.two", "x.three", "x.four"}
    assert imports(path, known, for_types=False) == {"x.one", "x.two", "x.four"}
