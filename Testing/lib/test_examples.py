"""The examples in the docstrings of the library: each runs, on a made-up scan, and gives what it says."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import MISTKDSegmentLib
from MISTKDSegmentLib.io.writing import write_scan
from MISTKDSegmentLib.phantom.abdomen import make_phantom

LIB = Path(MISTKDSegmentLib.__file__).parent
# In the scene and the panel, examples are for Slicer's own console.
WITH_EXAMPLES = [path for path in sorted(LIB.rglob("*.py"))
                 if ">>> " in path.read_text(encoding="utf-8") and path.relative_to(LIB).parts[0] != "slicer"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    volume, _ = make_phantom(spacing_mm=(2.5, 2.5, 6.0))
    write_scan(folder / "my_ct.nii.gz", volume)
    return folder


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(LIB).as_posix())
def test_the_examples_are_true(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    name = ".".join(path.relative_to(LIB.parent).with_suffix("").parts).removesuffix(".__init__")
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert (failed, tried > 0) == (0, True)
