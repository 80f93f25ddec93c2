"""Who imports whom, read from the source: nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "MISTKDSegment"


def modules(package: Path) -> dict[str, Path]:
    """Every module of a package by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: Iterable[str], *, for_types: bool = True) -> set[str]:
    """The known modules that a file imports, at its top or within functions, without the packages around them.

    Args:
        path: of the file.
        known: dotted names.
        for_types: whether what is imported under `if TYPE_CHECKING` counts.
    """
    known = set(known)
    named = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8")), for_types):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & known
            named |= inside or {node.module}
    return named & known


def _statements(node: ast.AST, for_types: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if for_types or not (isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")):
            yield child
            yield from _statements(child, for_types)


def reached(roots: Iterable[Path], known: dict[str, Path]) -> set[Path]:
    """The files that are loaded sooner or later when these are: what they import, and the packages around it."""
    files, waiting = set(), list(roots)
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        for name in imports(path, known, for_types=False):
            parts = name.split(".")
            waiting += [known[around] for around in (".".join(parts[:n + 1]) for n in range(len(parts)))
                        if around in known]
    return files


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other, by Tarjan's algorithm (1972)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in number:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            at = stack.index(name)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in number:
            visit(name)
    return found
