"""A dry run of `prepare`: what is done, what is to do, and what that costs, without a trace."""

from __future__ import annotations

import pytest

from MISTKDSegmentLib.errors import OutputError
from Testing.training.raw_data import nnunet
from Training.data.preparation import prepare
from Training.data.preparation_report import PreparationPlan, Trial, plan_lines
from Training.data.scans import Dataset, Scan
from Training.prepare import main


class Sized(Scan):
    """A scan whose one file is all that is asked of it."""

    def read_volume(self):
        raise NotImplementedError

    def read_reference(self, volume):
        raise NotImplementedError


@pytest.fixture
def scans(tmp_path):
    """Four scans of 1, 2, 3 and 4 kB."""
    for size in range(1, 5):
        (tmp_path / str(size)).write_bytes(bytes(1000 * size))
    return [Sized(name=f"s{n}", image=tmp_path / str(n), files=(tmp_path / str(n),)) for n in range(1, 5)]


def lines(scans, done, trial, workers, unused=()):
    dataset = Dataset(scans[0].image.parent, "nnunet", "", "", {scan.name: scan for scan in scans}, unused)
    return plan_lines(PreparationPlan(scans, dict.fromkeys(done), trial), dataset, workers)


def test_time_and_size(scans):
    trial = Trial("s1", input_mb=0.001, output_mb=0.5, seconds=60.0)
    told = lines(scans, ["s4"], trial, 2)
    assert told[0] == "Layout nnunet; cases: 4 in 0.0 MB; done: 1."
    # 1 + 2 + 3 kB are 6 times 1 kB: 6 x 60 s by 2 processes, and 6 x 0.5 MB.
    assert told[-1] == "To do: 3, 6.0 times its size on disk, with 2 at once: about 3 min and 3.0 MB."
    assert "with 3 at once: about 2 min" in lines(scans, ["s4"], trial, 8)[-1]
    assert "with 1 at once: about 6 min" in lines(scans, ["s4"], trial, 0)[-1]


def test_nothing_left_to_do(scans):
    assert lines(scans, ["s1", "s2", "s3", "s4"], None, 2)[-1] == "Nothing is left to do."


def test_unused_labels_are_told(scans):
    assert "become nothing: fat." in lines(scans, ["s1", "s2", "s3", "s4"], None, 0, unused=("fat",))[1]


def test_dry_run_writes_nothing(tmp_path, capsys):
    command = [str(nnunet(tmp_path / "raw", "a", "b")), str(tmp_path / "out"), "--workers", "0", "--dry-run"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    for words in ("to do", "aorta, gallbladder", "Layout nnunet; cases: 2 in", "done: 0", "became 0.0",
                  "To do: 2, 2.0 times"):
        assert words in printed
    assert not (tmp_path / "out").exists()


def test_dry_run_after_a_run(tmp_path, capsys):
    raw, out = nnunet(tmp_path / "raw", "a", "b"), tmp_path / "out"
    _, done = prepare(raw, out, skip=["b"])
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert prepare(raw, out, dry_run=True)[1] == done
    printed = capsys.readouterr().out
    for words in ("80 x 60 x 8", "liver 10", "done: 1.", "To do: 1, 1.0 times"):
        assert words in printed
    prepare(raw, out, skip=["b"], dry_run=True)
    assert "Nothing is left to do." in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_dry_run_finds_what_is_missing(tmp_path, capsys):
    raw = nnunet(tmp_path / "raw", "a", "b")
    (tmp_path / "file").write_text("in the way")
    assert main([str(raw), str(tmp_path / "file"), "--dry-run"]) == OutputError.exit_code
    (raw / "labelsTr" / "b.nii.gz").unlink()
    (raw / "labelsTr" / "b.nii.gz").symlink_to("gone")
    capsys.readouterr()
    assert main([str(raw), str(tmp_path / "out"), "--dry-run"]) == 3
    assert "b.nii.gz cannot be read" in capsys.readouterr().err
