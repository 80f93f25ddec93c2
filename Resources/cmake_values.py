"""Reads what the CMake files set: the lists of the extension's files and what the Extensions Manager shows."""

from __future__ import annotations

import re
from pathlib import Path

_COMMENT = re.compile(r"(?m)^\s*#.*$")
_SET = re.compile(r'\bset\s*\(\s*(\w+)((?:\s+(?:"[^"]*"|[^\s()"]+))*)\s*\)')
_WORD = re.compile(r'"([^"]*)"|([^\s"]+)')
_REFERENCE = re.compile(r"\$\{(\w+)\}")


def cmake_values(path: Path) -> dict[str, list[str]]:
    """Every variable that a file sets to plain values.

    Args:
        path: a `CMakeLists.txt` without conditions around its `set` commands.

    Returns:
        The values by name; references to variables that were set before, in the same file, are replaced.

    Raises:
        OSError: the file cannot be read.
    """
    values: dict[str, list[str]] = {}
    for name, arguments in _SET.findall(_COMMENT.sub("", path.read_text(encoding="utf-8"))):
        words = [quoted or plain for quoted, plain in _WORD.findall(arguments)]
        values[name] = [_REFERENCE.sub(lambda match: _known(match, values), word) for word in words]
    return values


def _known(reference: re.Match[str], values: dict[str, list[str]]) -> str:
    return ";".join(values[reference[1]]) if reference[1] in values else reference[0]
