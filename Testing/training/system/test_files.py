"""Files and folders are looked at before the work, and left as they were."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from MISTKDSegmentLib.errors import OutputError
from Training.system.files import check_folder, make_folder


def test_possible_folder_is_not_made(tmp_path):
    check_folder(tmp_path / "new" / "newer")
    check_folder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_folder_is_made(tmp_path):
    make_folder(tmp_path / "new" / "newer")
    make_folder(tmp_path / "new" / "newer")
    assert (tmp_path / "new" / "newer").is_dir() and not list((tmp_path / "new" / "newer").iterdir())


@pytest.mark.parametrize("check", [check_folder, make_folder])
@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_the_way_is_named(tmp_path, check, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=f"{name} cannot be .*; choose another folder"):
        check(tmp_path / name)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is a folder that nobody may write to")
def test_unwritable_folder_is_named():
    for check in (check_folder, make_folder):
        with pytest.raises(OutputError, match="/proc"):
            check(Path("/proc"))
