"""Files and folders are looked at before the work, and left as they were."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from MISTKDSegmentLib.errors import InputError, OutputError
from Testing.training.made_up_scans import MadeUpScan
from Training.data.files import check_folder, check_scan, make_folder, size_mb


def test_a_folder_that_could_be_made_passes_and_is_not_made(tmp_path):
    check_folder(tmp_path / "new" / "newer")
    check_folder(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_made_with_those_above_it(tmp_path):
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
def test_a_folder_that_may_not_be_written_to_is_named():
    for check in (check_folder, make_folder):
        with pytest.raises(OutputError, match="/proc"):
            check(Path("/proc"))


def test_a_missing_file_of_a_scan_is_named(tmp_path):
    (tmp_path / "there").write_bytes(bytes(3000))
    scan = MadeUpScan(name="a", files=(tmp_path / "there",))
    check_scan(scan)
    assert size_mb(scan) == 0.003
    with pytest.raises(InputError, match=r"gone cannot be read .* leave a out"):
        check_scan(MadeUpScan(name="a", files=(tmp_path / "there", tmp_path / "gone")))


def test_a_scan_may_say_itself_why_it_cannot_be_used():
    class Refused(MadeUpScan):
        def check(self):
            raise InputError("no.")
    with pytest.raises(InputError, match=r"no\."):
        check_scan(Refused(name="a"))
