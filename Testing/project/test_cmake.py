"""The CMake files and the Extensions Index entry: what they name is there, and what is there they name."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from Resources.cmake_values import cmake_values
from Testing.project.import_graph import modules, reached

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "MISTKDSegment"
LISTS = MODULE / "CMakeLists.txt"
PATIENCE_S = 600  # a busy machine
# What Slicer's schema 1.0.1 for entries of the Extensions Index knows; the first three have to be there.
INDEX_KEYS = ["$schema", "category", "scm_url", "scm_revision", "scm_type", "build_dependencies", "build_subdirectory",
              "enabled", "tier"]
# Runs our files through CMake itself, with stand-ins for what Slicer gives, and prints what they hand to Slicer.
CMAKE_SCRIPT = """
foreach(command project find_package install include)
  cmake_language(EVAL CODE "macro(${command})\\nendmacro()")
endforeach()
macro(add_subdirectory folder)
  set(CMAKE_CURRENT_SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
  _include(${CMAKE_CURRENT_SOURCE_DIR}/CMakeLists.txt)
endmacro()
macro(slicer_add_python_unittest)
  cmake_parse_arguments(TEST "" "SCRIPT" "" ${ARGN})
  message("TEST=${TEST_SCRIPT}")
endmacro()
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  message("NAME=${MY_NAME}\\nFILES=${MY_SCRIPTS};${MY_RESOURCES}\\nLEFT=${MY_UNPARSED_ARGUMENTS}")
endmacro()
set(BUILD_TESTING ON)
set(CMAKE_CURRENT_SOURCE_DIR ${ROOT})
_include(${ROOT}/CMakeLists.txt)
"""


def test_values_are_read_with_quotes_comments_and_references(tmp_path: Path) -> None:
    path = tmp_path / "CMakeLists.txt"
    path.write_text('# set(OLD gone)\nset(NAME Module)\nset(FILES\n  ${NAME}.py\n  # left_out.py\n  Lib/a.py\n  )\n'
                    'set(TEXT "two words (in brackets)")\nset(PATH ${OF_SLICER}/x)\n', encoding="utf-8")
    assert cmake_values(path) == {"NAME": ["Module"], "FILES": ["Module.py", "Lib/a.py"],
                                  "TEXT": ["two words (in brackets)"], "PATH": ["${OF_SLICER}/x"]}


def files_below(folder: Path, pattern: str) -> set[str]:
    found = (path for path in folder.rglob(pattern) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(MODULE).as_posix() for path in found if not path.name.startswith(".")}


def scripts_of_the_panel() -> set[str]:
    """What the module, its panel or its child process loads sooner or later."""
    known = modules(MODULE / "MISTKDSegmentLib")
    roots = [path for name, path in known.items() if name.startswith("MISTKDSegmentLib.slicer.")]
    files = reached([MODULE / "MISTKDSegment.py", known["MISTKDSegmentLib.child.program"], *roots], known)
    return {path.relative_to(MODULE).as_posix() for path in files}


@pytest.mark.parametrize("name", ["MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"])
def test_the_lists_name_what_the_module_needs_and_nothing_else(name: str) -> None:
    needed = {"MODULE_PYTHON_SCRIPTS": scripts_of_the_panel(),
              "MODULE_PYTHON_RESOURCES": files_below(MODULE / "Resources", "*")}
    listed, there = set(cmake_values(LISTS)[name]), needed[name]
    changes = [f"add to {name}:    {path}" for path in sorted(there - listed)]
    changes += [f"take off {name}: {path}" for path in sorted(listed - there)]
    assert not changes, f"mend {LISTS.relative_to(ROOT)}:\n" + "\n".join(changes)


@pytest.mark.parametrize("name", ["MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"])
def test_the_lists_are_sorted_and_name_a_file_once(name: str) -> None:
    listed = cmake_values(LISTS)[name]
    assert listed == sorted(set(listed))


def test_every_test_of_slicer_s_own_is_registered() -> None:
    folder = MODULE / "Testing" / "Python"
    text = (folder / "CMakeLists.txt").read_text(encoding="utf-8")
    assert [path.name for path in folder.glob("*.py") if path.name not in text] == []


@pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake is not installed here")
def test_cmake_reads_the_lists_as_the_archive_builder_does(tmp_path: Path) -> None:
    script = tmp_path / "script.cmake"
    script.write_text(CMAKE_SCRIPT, encoding="utf-8")
    done = subprocess.run(["cmake", f"-DROOT={ROOT.as_posix()}", "-P", str(script)], stderr=subprocess.PIPE,
                          encoding="utf-8", timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    seen = dict(line.split("=", 1) for line in done.stderr.splitlines())
    values = cmake_values(LISTS)
    listed = values["MODULE_PYTHON_SCRIPTS"] + values["MODULE_PYTHON_RESOURCES"]
    assert (seen["NAME"], seen["FILES"].split(";"), seen["LEFT"]) == ("MISTKDSegment", listed, "")
    assert Path(seen["TEST"]).resolve() == MODULE / "MISTKDSegment.py"


def top_level() -> dict[str, str]:
    return {name: " ".join(words) for name, words in cmake_values(ROOT / "CMakeLists.txt").items()}


def index_entry() -> dict[str, object]:
    return dict(json.loads((ROOT / "Resources" / "MISTKDSegment.json").read_text(encoding="utf-8")))


def test_the_project_is_called_as_the_module_and_the_index_entry() -> None:
    assert re.findall(r"project\s*\(\s*(\w+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")) == [MODULE.name]


def test_no_value_falls_apart_in_cmake() -> None:
    # A semicolon separates the items of a list, and a reference would reach the catalogue unread.
    values = {name: text for name, text in top_level().items() if not name.endswith("_FILE")}
    assert [name for name, text in values.items() if ";" in text or "${" in text] == []


def test_the_index_entry_has_the_keys_of_its_schema() -> None:
    entry = index_entry()
    assert str(entry["$schema"]).endswith("slicer-extension-catalog-entry-schema-v1.0.1.json#")
    assert set(INDEX_KEYS[:3]) <= set(entry) <= set(INDEX_KEYS)
    assert isinstance(entry["tier"], int) and 1 <= entry["tier"] <= 5


def test_the_index_entry_agrees_with_cmake() -> None:
    entry, shown = index_entry(), top_level()
    assert entry["category"] == shown["EXTENSION_CATEGORY"] == "Segmentation"
    assert entry["scm_url"] == shown["EXTENSION_HOMEPAGE"] + ".git"
    assert (entry["build_dependencies"], shown["EXTENSION_DEPENDS"]) == ([], "NA")


def test_the_repository_is_named_as_the_index_wants_it() -> None:
    repository = str(index_entry()["scm_url"]).rsplit("/", 1)[1]
    assert repository.startswith("Slicer") and not MODULE.name.startswith("Slicer")


def test_pictures_of_the_catalogue_are_in_the_repository() -> None:
    shown, entry = top_level(), index_entry()
    address = re.sub(r"^https://github\.com/", "https://raw.githubusercontent.com/", shown["EXTENSION_HOMEPAGE"])
    pictures = [shown["EXTENSION_ICONURL"], *shown["EXTENSION_SCREENSHOTURLS"].split()]
    for picture in pictures:
        assert picture.startswith(f"{address}/{entry['scm_revision']}/")
        assert (ROOT / picture[len(f"{address}/{entry['scm_revision']}/"):]).is_file()


def test_text_files_end_their_lines_with_a_line_feed() -> None:
    names = ["CMakeLists.txt", "Resources/MISTKDSegment.json", "MISTKDSegment/CMakeLists.txt"]
    assert [name for name in names if b"\r" in (ROOT / name).read_bytes()] == []


def test_the_icon_has_the_size_of_the_catalogue_and_is_that_of_the_module() -> None:
    icon = (ROOT / "Resources" / "MISTKDSegment.png").read_bytes()
    assert icon[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", icon[16:24]) == (128, 128)
    assert icon == (MODULE / "Resources" / "Icons" / "MISTKDSegment.png").read_bytes()
