"""Files appear whole or not at all."""

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import time

import pytest

from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.io.atomic import atomic_path


def fail_with(number):
    def raise_error(*args, **kwargs):
        raise OSError(number, os.strerror(number))
    return raise_error


def test_the_target_holds_what_was_written(tmp_path):
    target = tmp_path / "ä scan.csv"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "new"
    assert os.listdir(tmp_path) == ["ä scan.csv"]


@pytest.mark.parametrize("name, suffix", [
    ("a.seg.nrrd", ".seg.nrrd"), ("a.b.nii.gz", ".nii.gz"), ("a", ""), ("Mr. Smith's very own scan.png", ".png")])
def test_the_temporary_lies_beside_the_target_with_its_suffixes(tmp_path, name, suffix):
    with atomic_path(tmp_path / name) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(suffix)
        assert temporary.name != name


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, RuntimeError])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path, error):
    target = tmp_path / "scan.csv"
    target.write_text("old")
    with pytest.raises(error), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["scan.csv"]


def test_a_full_disk_while_writing_is_named_and_keeps_the_old_file(tmp_path):
    target = tmp_path / "scan.csv"
    target.write_text("old")
    with pytest.raises(OutputError, match=r"scan\.csv.*disk is full"), atomic_path(target) as temporary:
        temporary.write_text("half")
        fail_with(errno.ENOSPC)()
    assert target.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["scan.csv"]


@pytest.mark.parametrize("function", ["replace", "fsync"])
@pytest.mark.parametrize("number, reason", [(errno.ENOSPC, "disk is full"), (errno.EACCES, "permission"),
                                            (errno.EROFS, "read-only"), (errno.EIO, os.strerror(errno.EIO))])
def test_a_failure_at_the_last_moment_is_explained(tmp_path, monkeypatch, function, number, reason):
    target = tmp_path / "scan.csv"
    target.write_text("old")
    monkeypatch.setattr(os, function, fail_with(number))
    with pytest.raises(OutputError, match=reason), atomic_path(target) as temporary:
        temporary.write_text("new")
    assert target.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["scan.csv"]


def test_a_missing_folder_is_named_before_any_work_is_done(tmp_path):
    with pytest.raises(OutputError, match="folder does not exist"), atomic_path(tmp_path / "no" / "scan.csv"):
        pytest.fail("the block must not run")


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), atomic_path(tmp_path / "file" / "scan.csv"):
        pytest.fail("the block must not run")


def test_a_folder_of_the_targets_name_is_refused(tmp_path):
    (tmp_path / "scan.csv").mkdir()
    with pytest.raises(OutputError, match="choose another name"), atomic_path(tmp_path / "scan.csv"):
        pytest.fail("the block must not run")
    assert os.listdir(tmp_path) == ["scan.csv"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions bind neither root nor Windows")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="permission"), atomic_path(tmp_path / "scan.csv"):
        pytest.fail("the block must not run")


def test_two_writers_of_one_target_do_not_disturb_each_other(tmp_path):
    target = tmp_path / "scan.csv"
    with atomic_path(target) as first, atomic_path(target) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    # The outer block ends last, so its file wins; both were whole.
    assert target.read_text(encoding="utf-8") == "first"
    assert os.listdir(tmp_path) == ["scan.csv"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_the_file_is_as_readable_for_others_as_any_other_new_file(tmp_path):
    (tmp_path / "usual").touch()
    with atomic_path(tmp_path / "scan.csv") as temporary:
        temporary.write_text("new")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "scan.csv")}
    assert len(modes) == 1


@pytest.mark.parametrize("name", ["x" * 250 + ".png", "a." + "x" * 249 + ".png", "ä" * 122 + ".seg.nrrd",
                                  "." + "x" * 254, "-o", "'\"; $(ls) `", "e\u0301.csv", "CON.csv", "a\nb.csv"])
def test_any_name_that_the_disk_takes_can_be_written(tmp_path, name):
    with atomic_path(tmp_path / name) as temporary:
        temporary.write_text("new")
    assert os.listdir(tmp_path) == [name]


def test_a_name_that_the_disk_does_not_take_is_refused(tmp_path):
    with pytest.raises(OutputError, match="name is too long"), atomic_path(tmp_path / ("x" * 300)):
        pytest.fail("the block must not run")


def test_a_path_longer_than_windows_takes_by_default_can_be_written(tmp_path):
    folder = tmp_path.joinpath(*["a folder of forty characters in its name"] * 8)
    folder.mkdir(parents=True)
    with atomic_path(folder / "scan.csv") as temporary:
        temporary.write_text("new")
    assert len(str(folder)) > 300 and os.listdir(folder) == ["scan.csv"]


@pytest.fixture
def link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "scan.csv").symlink_to(tmp_path / "elsewhere" / "real.csv")
    return tmp_path / "scan.csv"


@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "to nothing yet"])
def test_the_file_that_a_link_leads_to_is_written_and_the_link_stays(tmp_path, link, exists):
    if exists:
        link.write_text("old")
    with atomic_path(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and os.listdir(tmp_path / "elsewhere") == ["real.csv"]
    assert (tmp_path / "elsewhere" / "real.csv").read_text(encoding="utf-8") == "new"


def test_a_link_into_a_folder_that_does_not_exist_is_refused(tmp_path, link):
    (tmp_path / "elsewhere").rmdir()
    with pytest.raises(OutputError, match=r"scan\.csv .*folder does not exist"), atomic_path(link):
        pytest.fail("the block must not run")


def test_a_link_that_leads_back_to_itself_is_refused(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError, match="leads back to itself"), atomic_path(tmp_path / "a"):
        pytest.fail("the block must not run")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_is_refused_and_stays(device):
    if not os.path.exists(device):
        pytest.skip(f"there is no {device}")
    with pytest.raises(OutputError, match="cannot be written"), atomic_path(device):
        pytest.fail("the block must not run")
    assert not os.path.isfile(device)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_file_that_only_its_owner_may_read_stays_so(tmp_path):
    (tmp_path / "scan.csv").touch(mode=0o600)
    with atomic_path(tmp_path / "scan.csv") as temporary:
        temporary.write_text("new")
    assert stat.S_IMODE((tmp_path / "scan.csv").stat().st_mode) == 0o600


def test_a_read_only_file_is_not_replaced(tmp_path):
    target = tmp_path / "scan.csv"
    target.write_text("old")
    target.chmod(0o400)
    with pytest.raises(OutputError, match="permission"), atomic_path(target):
        pytest.fail("the block must not run")
    assert target.read_text(encoding="utf-8") == "old" and os.listdir(tmp_path) == ["scan.csv"]


def test_leftovers_of_killed_processes_are_removed_and_what_others_are_writing_is_not(tmp_path):
    with atomic_path(tmp_path / "scan.csv") as path:
        name = path.name
    folder = tmp_path / "results"
    folder.mkdir()
    young, old, foreign = folder / name, folder / name.replace(".csv", "old"), folder / ".hidden"
    for path in (young, old, foreign):
        path.touch()
    for path in (old, foreign):
        os.utime(path, (time.time() - 4000,) * 2)
    with atomic_path(folder / "scan.csv"):
        assert young.exists() and foreign.exists() and not old.exists()
    assert sorted(os.listdir(folder)) == sorted([name, ".hidden", "scan.csv"])


def test_a_folder_is_looked_at_once_a_minute(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("MISTKDSegmentLib.io.atomic.monotonic", lambda: now[0])
    with atomic_path(tmp_path / "scan.csv") as path:
        name = path.name
    (tmp_path / name).touch()
    os.utime(tmp_path / name, (time.time() - 4000,) * 2)
    for now[0], is_there in ((1059.0, True), (1061.0, False)):
        with atomic_path(tmp_path / "scan.csv"):
            pass
        assert (tmp_path / name).exists() == is_there


WRITER = """
import sys
from pathlib import Path
from MISTKDSegmentLib.io.atomic import atomic_path
print(flush=True)
while True:
    with atomic_path(Path(sys.argv[1])) as temporary, open(temporary, "wb") as file:
        for _ in range(200):
            file.write(sys.argv[2].encode() * 997)
"""
WHOLE = 200 * 997


def writing(target, letter):
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(target), letter], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_killed_process_leaves_the_old_file_or_the_new_one_and_never_a_torn_one(tmp_path):
    target, moments = tmp_path / "scan.csv", random.Random(0)
    target.write_text("o" * WHOLE)
    for letter in "abcde":
        with writing(target, letter) as process:
            time.sleep(moments.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
        content = target.read_text(encoding="utf-8")
        assert len(content) == WHOLE and len(set(content)) == 1
    assert all(name == "scan.csv" or name.startswith(".mistkd-") for name in os.listdir(tmp_path))


def test_two_processes_that_write_one_target_at_once_never_tear_it(tmp_path):
    target = tmp_path / "scan.csv"
    target.write_text("o" * WHOLE)
    with writing(target, "a") as one, writing(target, "b") as other:
        seen, end = set(), time.monotonic() + 60
        while not seen >= {"a", "b"} and time.monotonic() < end:
            time.sleep(0.01)
            content = target.read_text(encoding="utf-8")
            assert len(content) == WHOLE and len(set(content)) == 1
            seen |= set(content)
        one.kill()
        other.kill()
    assert seen >= {"a", "b"}
