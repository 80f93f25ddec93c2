"""Standard output and error that are full, closed or read by nobody: results are kept and one sentence says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from MISTKDSegmentLib.cli.streams import Stream
from MISTKDSegmentLib.errors import OutputError
from Testing.lib.small_scans import write_volume

LIBRARY = Path(__file__).parents[3] / "MISTKDSegment"
PATIENCE_S = 300  # a busy machine
RESULTS = ["scan.csv", "scan.seg.nrrd"]
pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")


@pytest.fixture
def command(tiny_bundle, tmp_path):
    scan = write_volume(tmp_path / "in" / "scan.nii.gz")
    line = [sys.executable, "-m", "MISTKDSegmentLib", "segment", str(scan), "--output",
            str(tmp_path / "out"), "--model", str(tiny_bundle), "--no-picture"]

    def run(redirection, *more):
        shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *line, *more]
        return subprocess.run(shell, env={**os.environ, "PYTHONPATH": str(LIBRARY)}, capture_output=True, text=True,
                              timeout=PATIENCE_S)
    return run


@pytest.mark.parametrize(("redirection", "reason"), [
    ("> /dev/full", "No space left on device"), (">&-", "it is closed"), ("<&- >&-", "it is closed")])
@pytest.mark.parametrize("more", [[], ["--workers", "1"]], ids=["one scan", "many"])
def test_standard_output_that_cannot_be_written_is_one_sentence_and_results_are_kept(command, tmp_path, redirection,
                                                                                    reason, more):
    done = command(redirection, *more)
    assert done.returncode == OutputError.exit_code == 5
    assert done.stderr.splitlines()[-1] == (f"mistkd segment: error: Standard output cannot be written ({reason}); "
                                            f"the results are in {tmp_path / 'out'}.")
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert set(RESULTS) <= set(os.listdir(tmp_path / "out"))


def test_who_reads_no_further_keeps_the_results_as_well(command, tmp_path):
    done = command("| true; exit 0")
    assert set(RESULTS) <= set(os.listdir(tmp_path / "out"))
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


@pytest.mark.parametrize("redirection", ["2> /dev/full", "2>&-", "<&- 2>&-"])
def test_messages_that_nobody_can_read_do_not_end_a_run(command, tmp_path, redirection):
    done = command(redirection)
    assert done.returncode == 0 and "Wrote" in done.stdout
    assert sorted(os.listdir(tmp_path / "out")) == RESULTS


def test_an_error_that_cannot_be_told_keeps_its_exit_code(command):
    assert command("2> /dev/full", "--slice-step", "-1").returncode == 2
    assert command("> /dev/full 2> /dev/full", "--organs", "liver,nothing").returncode == 2


def test_quiet_runs_need_no_standard_output(command, tmp_path):
    done = command("> /dev/full", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(os.listdir(tmp_path / "out")) == RESULTS


def test_help_that_cannot_be_shown_is_one_sentence(command):
    done = command("> /dev/full", "--help")
    assert (done.returncode, done.stderr) == (
        5, "mistkd segment: error: Standard output cannot be written (No space left on device).\n")


def test_a_stream_takes_no_more_after_the_first_failure():
    with open("/dev/full", "w") as full:
        stream = Stream(full)
        assert [stream.write("one"), stream.write("three")] == [3, 5]
        assert stream.failure == "No space left on device"
        with pytest.raises(OutputError, match=r"^Standard output cannot be written \(No space left .*\): sorry\.$"):
            stream.check(": sorry")
