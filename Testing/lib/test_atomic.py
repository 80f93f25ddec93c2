"""Files appear whole or not at all."""

import errno
import os
import stat

import pytest

from MISTKDSegmentLib.atomic import atomic_path
from MISTKDSegmentLib.errors import OutputError


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


@pytest.mark.parametrize("name, suffix", [("a.seg.nrrd", ".seg.nrrd"), ("a.b.nii.gz", ".nii.gz"), ("a", "")])
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
