"""The command line: files, table, errors and exit codes."""

from __future__ import annotations

import csv
import gzip
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.batch import case
from MISTKDSegmentLib.cli import segment as cli
from MISTKDSegmentLib.cli import segment_scans
from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference import runner

PATIENCE_S = 600  # a busy machine
ORGAN_VOXELS = 6 * 8 * 4
Run = Callable[..., int]


def body() -> np.ndarray:
    """24 x 24 x 8 voxels: fat in air, and 6 x 8 x 4 voxels of 150 HU in it."""
    hu = np.full((8, 24, 24), -1000, np.int16)
    hu[:, 2:22, 2:22] = -100
    hu[2:6, 4:12, 4:10] = 150
    return hu


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """The body with as many voxels of 260 HU beside, of 2 x 2 x 5 mm."""
    hu = body()
    hu[2:6, 4:12, 12:18] = 260
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing((2.0, 2.0, 5.0))
    sitk.WriteImage(image, str(tmp_path / "case.nii.gz"))
    return tmp_path / "case.nii.gz"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def run(tiny_bundle: Path, out: Path) -> Run:
    return lambda *arguments: cli.main(["--model", str(tiny_bundle), "--output", str(out), "--threads", "1",
                                        *map(str, arguments)])


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line on stderr, after checking that no traceback stands before it."""
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return err.splitlines()[-1]


def test_a_scan_gives_a_segmentation_a_table_and_a_picture(run: Run, scan: Path, out: Path) -> None:
    assert run(scan) == 0
    assert names_in(out) == {"case.seg.nrrd", "case.csv", "case.png"}
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "case.seg.nrrd")))
    assert (np.count_nonzero(labels == 5), np.count_nonzero(labels == 7)) == (ORGAN_VOXELS, ORGAN_VOXELS)


def test_the_table_shows_millilitres_and_mean_hu(run: Run, scan: Path, out: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    run(scan, "--no-picture")
    printed = capsys.readouterr().out
    # 192 voxels of 20 mm^3
    rows = [line.split() for line in printed.splitlines()[1:3]]
    small = ["implausibly", "small"]
    assert rows == [["Liver", "3.8", "150", *small], ["Spleen", "3.8", "260", *small]]
    with open(out / "case.csv", encoding="utf-8") as file:
        assert [row["volume_ml"] for row in csv.DictReader(file)] == ["3.84", "3.84"]


def test_the_last_line_names_the_files_and_the_seconds(run: Run, scan: Path, out: Path,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    run(scan, "--no-picture")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"Wrote {out / 'case.seg.nrrd'}, {out / 'case.csv'} in ") and last.endswith(" s.")


def test_a_subset_of_organs_leaves_the_others_out(run: Run, scan: Path, out: Path,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    assert run(scan, "--organs", " Spleen", "--no-picture") == 0
    assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(out / "case.seg.nrrd"))))) == {0, 7}
    assert "Liver" not in capsys.readouterr().out


def test_nifti_results_never_replace_the_scan(run: Run, scan: Path) -> None:
    before = scan.read_bytes()
    assert run(scan, "--output", scan.parent, "--format", "nii.gz", "--no-picture") == 0
    assert scan.read_bytes() == before
    result = sitk.ReadImage(str(scan.parent / "case.seg.nii.gz"))
    assert result.GetPixelID() == sitk.sitkUInt8 and result.GetSize() == (24, 24, 8)


def test_results_go_into_the_current_folder_by_default(tiny_bundle: Path, scan: Path, out: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    out.mkdir()
    monkeypatch.chdir(out)
    assert cli.main([str(scan), "--model", str(tiny_bundle), "--no-picture"]) == 0
    assert names_in(out) == {"case.seg.nrrd", "case.csv"}


def small_phantom() -> tuple[Volume, np.ndarray]:
    truth = np.where(body() == 150, 5, 0).astype(np.uint8)
    truth[2:6, 4:8, 4:10] = 7  # half of what the model takes for liver is spleen in truth
    return Volume(body(), (2.0, 2.0, 5.0), (1.0, 2.0, 3.0), np.eye(3), "phantom"), truth


def test_without_a_scan_a_phantom_is_segmented_written_and_compared_with_its_truth(
    run: Run, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("MISTKDSegmentLib.phantom.abdomen.make_phantom", small_phantom)
    assert run() == 0
    assert names_in(out) == {"phantom.nii.gz", "phantom.seg.nrrd", "phantom.csv", "phantom.png"}
    printed = capsys.readouterr()
    assert segment_scans.MADE_UP in printed.err
    rows = [line.split() for line in printed.out.splitlines()[1:3]]
    # Dice of the liver: 2 * 96 / (192 + 96)
    assert rows == [["Liver", "3.8", "150", "0.67", "implausibly", "small"],
                    ["Spleen", "0.0", "-", "0.00", "not", "found"]]
    written = sitk.ReadImage(str(out / "phantom.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(written), small_phantom()[0].voxels)
    assert written.GetOrigin() == (1.0, 2.0, 3.0) and written.GetSpacing() == (2.0, 2.0, 5.0)


def test_a_real_scan_has_no_dice_column(run: Run, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(scan, "--no-picture")
    assert "Dice" not in capsys.readouterr().out


def test_an_organ_at_the_edge_is_marked(run: Run, tmp_path: Path,
                                        capsys: pytest.CaptureFixture[str]) -> None:
    hu = np.full((8, 24, 24), -100, np.int16)
    hu[:, 4:12, 4:10] = 150
    sitk.WriteImage(sitk.GetImageFromArray(hu), str(tmp_path / "edge.nii.gz"))
    run(tmp_path / "edge.nii.gz", "--no-picture")
    assert "cut by the field of view" in capsys.readouterr().out.splitlines()[1]


def test_a_name_that_stdout_has_no_characters_for_ends_no_run(tiny_bundle: Path, scan: Path, out: Path) -> None:
    scan = scan.rename(scan.with_name("腹部.nii.gz"))
    done = subprocess.run(
        [sys.executable, "-m", "MISTKDSegmentLib", "segment", str(scan), "--model", str(tiny_bundle), "--output",
         str(out), "--no-picture"],
        env={**os.environ, "PYTHONIOENCODING": "cp1252"}, cwd=Path(cli.__file__).parents[2],
        capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"\\u8179\\u90e8.csv" in done.stdout
    assert names_in(out) == {"腹部.seg.nrrd", "腹部.csv"}


def test_the_cores_are_those_of_image_processing_too(run: Run, scan: Path) -> None:
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(2)
    assert run(scan, "--no-picture") == 0
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 1  # as `run` says


def test_quiet_prints_nothing(run: Run, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(scan, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_the_notice_is_printed(run: Run, scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(scan, "--no-picture")
    assert "Research use only, not a medical device. Model: tiny 1.0." in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"mistkd segment {__version__}\n"


def test_an_unknown_organ_is_a_usage_error_that_lists_the_known_ones(
    run: Run, scan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(scan, "--organs", "liver,splen") == 2
    error = error_line(capsys)
    assert error.startswith("mistkd segment: error: ") and "'splen'" in error and "liver, spleen" in error


@pytest.mark.parametrize("arguments", [
    ["--threads", "0"], ["--threads", "two"], ["--slice-step", "-1"], ["--slice-step", "nan"],
    ["--slice-step", "thin"], ["--format", "mha"], ["--colour"], ["--workers", "0"],
    ["--workers", "2", "--dask", "a:1"],
])
def test_senseless_arguments_are_one_line_and_code_2(arguments: list[str],
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.main(arguments)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("mistkd segment: error: ")


def test_more_threads_than_any_machine_has_are_all_there_are(run: Run, scan: Path, out: Path) -> None:
    assert run(scan, "--threads", "99999999999", "--no-picture") == 0
    assert names_in(out) == {"case.seg.nrrd", "case.csv"}


def test_a_missing_scan_is_one_line_with_the_code_of_input_errors(run: Run, tmp_path: Path,
                                                                  capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "nowhere.nii.gz") == InputError.exit_code == 3
    error = error_line(capsys)
    assert error.startswith("mistkd segment: error: ") and "nowhere.nii.gz" in error


def test_a_folder_without_a_model_is_code_4(scan: Path, out: Path,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(scan), "--output", str(out), "--model", str(scan.parent)]) == 4
    assert "model.json" in error_line(capsys)


def test_an_output_folder_that_cannot_be_written_is_found_before_the_run(
    run: Run, scan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_scans, "load_bundle", lambda folder: pytest.fail("the run had begun"))
    assert run(scan, "--output", scan / "inside_a_file") == 5
    assert "--output" in error_line(capsys)


def test_an_unexpected_error_is_not_dressed_up_as_the_users(run: Run, scan: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> Volume:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(case, "read_volume", fail)
    with pytest.raises(ZeroDivisionError):
        run(scan)


def test_an_interrupted_run_writes_nothing(
    run: Run, scan: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = runner.segment

    def interrupted(*arguments: object, **options: object) -> object:
        yield next(real(*arguments, **options))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "segment", interrupted)
    assert run(scan) == 130
    assert names_in(out) == set()
    assert error_line(capsys) == "mistkd segment: stopped"


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_the_process_with_130_and_leaves_nothing_behind(tiny_bundle: Path, out: Path) -> None:
    out.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "MISTKDSegmentLib", "segment", "--model", str(tiny_bundle), "--threads", "1"],
        # A test run started in the background ignores Ctrl-C, and its children would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        cwd=out, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    assert process.stderr is not None
    # The notice comes when all is imported; the phantom then takes seconds.
    assert cli.NOTICE in process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err and err.splitlines()[-1] == "mistkd segment: stopped"
    assert names_in(out) == set()


def write_scan_file(path, hu, spacing=(2.0, 2.0, 5.0)):
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


def ct() -> np.ndarray:
    hu = np.full((4, 40, 40), -1000, np.int16)
    hu[:, 5:35, 5:35] = 40
    return hu


BAD_SCANS = {
    "missing.nii.gz": lambda path: None,
    "truncated.nii.gz": lambda path: (write_scan_file(path, ct()), path.write_bytes(path.read_bytes()[:-200])),
    "mr.nii.gz": lambda path: write_scan_file(path, np.abs(ct())),
    "windowed.nii.gz": lambda path: write_scan_file(path, np.clip(ct() + 100, 0, 255).astype(np.uint8)),
    "constant.nii.gz": lambda path: write_scan_file(path, np.full((4, 8, 8), -1000, np.int16)),
    "nan.nii.gz": lambda path: write_scan_file(path, np.where(ct() == 40, np.nan, -1000).astype(np.float32)),
    "infinite.nrrd": lambda path: write_scan_file(path, np.where(ct() == 40, np.inf, -1000).astype(np.float32)),
    "four_d.nii.gz": lambda path: sitk.WriteImage(
        sitk.JoinSeries([sitk.GetImageFromArray(ct())] * 2), str(path)),
    "colour.mha": lambda path: sitk.WriteImage(
        sitk.GetImageFromArray(np.zeros((4, 8, 8, 3), np.uint8), isVector=True), str(path)),
    "wide.nrrd": lambda path: write_scan_file(path, ct(), spacing=(55.0, 55.0, 5.0)),
    "micrometres.nrrd": lambda path: write_scan_file(path, ct(), spacing=(780.0, 780.0, 5000.0)),
    "picture.png": lambda path: path.write_bytes(b"\x89PNG"),
    "empty_folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", BAD_SCANS)
def test_a_bad_scan_is_one_sentence_an_exit_code_and_no_output(tiny_bundle, tmp_path, capfd, name):
    scan, out = tmp_path / name, tmp_path / "out"
    BAD_SCANS[name](scan)
    assert cli.main([str(scan), "--model", str(tiny_bundle), "--output", str(out), "--quiet"]) == 3
    error = capfd.readouterr().err
    assert error.startswith("mistkd segment: error: ") and error.count("\n") == 1
    assert str(scan) in error
    assert list(out.iterdir()) == []


def test_a_segmentation_is_never_written_over_the_scan(tiny_bundle, tmp_path, capfd):
    scan = tmp_path / "a.seg.nrrd"
    write_scan_file(scan, ct())
    before = scan.read_bytes()
    assert cli.main([str(scan), "--model", str(tiny_bundle), "--output", str(tmp_path), "--quiet"]) == 5
    assert "is the input itself" in capfd.readouterr().err
    assert scan.read_bytes() == before


def test_running_out_of_memory_is_one_sentence(tiny_bundle, tmp_path, monkeypatch, capfd):
    def segment(*_arguments, **_options):
        raise MemoryError

    monkeypatch.setattr(runner, "segment", segment)
    write_scan_file(tmp_path / "a.nii.gz", ct())
    scan = [str(tmp_path / "a.nii.gz"), "--model", str(tiny_bundle), "--output", str(tmp_path / "out"), "--quiet"]
    assert cli.main(scan) == 1
    assert "needs more memory than there is" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_a_name_that_is_no_utf_8_is_one_sentence(tiny_bundle, tmp_path, capfd):
    scan = os.fsdecode(os.fsencode(tmp_path) + b"/B\xe4uche.nii.gz")
    write_scan_file(tmp_path / "a.nii.gz", ct())
    os.rename(tmp_path / "a.nii.gz", scan)
    assert cli.main([scan, "--model", str(tiny_bundle), "--output", str(tmp_path / "out"), "--quiet"]) == 3
    assert "no UTF-8 in its name" in capfd.readouterr().err


def test_a_scan_that_may_not_be_read_is_one_sentence(tiny_bundle, tmp_path, monkeypatch, capfd):
    def refused(path, *_arguments):
        raise PermissionError(13, "Permission denied", str(path))

    write_scan_file(tmp_path / "a.mha", ct())
    monkeypatch.setattr("MISTKDSegmentLib.io.signature.open", refused, raising=False)
    scan = [str(tmp_path / "a.mha"), "--model", str(tiny_bundle), "--output", str(tmp_path / "out"), "--quiet"]
    assert cli.main(scan) == 3
    assert "a.mha cannot be read (Permission denied)" in capfd.readouterr().err


def test_a_folder_that_may_not_be_written_is_one_sentence_before_the_run(tiny_bundle, tmp_path, monkeypatch, capfd):
    def refused(**_arguments):
        raise PermissionError(13, "Permission denied")

    write_scan_file(tmp_path / "a.nii.gz", ct())
    monkeypatch.setattr(case.tempfile, "TemporaryFile", refused)
    scan = [str(tmp_path / "a.nii.gz"), "--model", str(tiny_bundle), "--output", str(tmp_path / "out"), "--quiet"]
    assert cli.main(scan) == 5
    assert "out cannot be written (Permission denied)" in capfd.readouterr().err


def without_orientation(scan: Path) -> Path:
    data = bytearray(gzip.decompress(scan.read_bytes()))
    struct.pack_into("<2h", data, 252, 0, 0)
    scan.write_bytes(gzip.compress(data))
    return scan


def test_the_user_states_an_orientation_that_the_file_does_not(run: Run, scan: Path, out: Path,
                                                               capsys: pytest.CaptureFixture[str]) -> None:
    assert run(without_orientation(scan), "--no-picture") == 3
    assert "state it, for example with --orientation LPS" in error_line(capsys)
    assert run(scan, "--no-picture", "--orientation", "lps") == 0
    labels = sitk.ReadImage(str(out / "case.seg.nrrd"))
    assert labels.GetDirection() == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("axes", ["LLS", "LP", "LPSX", "123", ""])
def test_an_orientation_that_is_none_is_a_mistake_in_the_command(run: Run, scan: Path, axes: str,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert run(scan, "--orientation", axes) == 2
    except SystemExit as ended:
        assert ended.code == 2
    assert "names no orientation" in capsys.readouterr().err


DOUBT = "The orientation is doubtful: the liver lies on the left"


def as_large_as_a_patient(scan: Path) -> Path:
    image = sitk.ReadImage(str(scan))
    image.SetSpacing((12.0, 12.0, 20.0))  # 553 mL of each organ
    sitk.WriteImage(image, str(scan))
    return scan


def test_a_doubt_about_the_whole_stands_above_the_table_and_in_the_file(run: Run, scan: Path, out: Path,
                                                                        capsys: pytest.CaptureFixture[str]) -> None:
    assert run(as_large_as_a_patient(scan), "--no-picture") == 0
    assert "doubtful" not in capsys.readouterr().out
    assert run(scan, "--no-picture", "--orientation", "RPS") == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"Doubtful: {DOUBT}") and printed.index(DOUBT) < printed.index("Organ")
    with open(out / "case.csv", encoding="utf-8") as file:
        assert all(row["doubt"].startswith(DOUBT) for row in csv.DictReader(file))


def test_a_doubt_stands_in_the_summary_of_many_scans(run: Run, scan: Path, out: Path,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    as_large_as_a_patient(scan)
    for axes, doubted in (("LPS", False), ("RPS", True)):  # another orientation does the scan again
        assert run(scan, "--no-picture", "--workers", "1", "--orientation", axes) == 0
        with open(out / "summary.csv", encoding="utf-8") as file:
            (row,) = csv.DictReader(file)
        assert row["status"] == "done" and row["doubts"].startswith(DOUBT) == doubted
        assert (DOUBT in capsys.readouterr().err) == doubted
