"""Many scans in one run: failures, skipping, the summary, Ctrl-C, and no word of the patient."""

import csv
import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from MISTKDSegmentLib.batch.many import CasesFailed
from MISTKDSegmentLib.batch.outcome import attempt
from MISTKDSegmentLib.cli import segment
from Testing.lib.small_scans import body, write_ct_series, write_volume

PATIENCE_S = 300  # a busy machine
STOP_S = 20  # far less than the long scan takes, also there
posix_only = pytest.mark.skipif(os.name != "posix", reason="sends signals")


@pytest.fixture
def tree(tmp_path):
    return tmp_path / "tree"


def here(cases, settings, count):
    """What workers do, without the second that each takes to start."""
    for case in cases:
        yield case, attempt(case, settings)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("MISTKDSegmentLib.batch.local_workers.on_workers", here)


@pytest.fixture
def run(tiny_bundle, tmp_path):
    def run(*arguments):
        return segment.main([*map(str, arguments), "--model", str(tiny_bundle), "--output", str(tmp_path / "out"),
                             "--no-picture", "--workers", "1"])
    return run


def summary(tmp_path):
    with open(tmp_path / "out" / "summary.csv", encoding="utf-8") as file:
        return {row["case"]: row for row in csv.DictReader(file)}


def statuses(tmp_path):
    return {case: row["status"] for case, row in summary(tmp_path).items()}


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def results(name):
    return {f"{name}.seg.nrrd", f"{name}.csv", f"{name}.mistkd"}


def test_a_failed_case_does_not_stop_the_rest_and_the_summary_tells_all(run, tree, tmp_path, capfd):
    write_volume(tree / "a" / "ct.nii.gz")
    (tree / "b").mkdir()
    (tree / "b" / "ct.nii.gz").write_bytes(b"no scan")
    write_ct_series(tree / "c")
    write_ct_series(tree / "c", 2, slices=1, modality="MR")
    write_volume(tree / "c.seg.nrrd")
    assert run(tree) == CasesFailed.exit_code == 6
    assert files_in(tmp_path / "out") == {"summary.csv", *results("a/ct"), *results("c")}
    rows = summary(tmp_path)
    assert statuses(tmp_path) == {"a/ct": "done", "b/ct": "failed", "c": "done"}
    assert str(tree / "b" / "ct.nii.gz") in rows["b/ct"]["error"] and rows["b/ct"]["liver_ml"] == ""
    for done in (rows["a/ct"], rows["c"]):
        # 192 voxels of 20 mm^3
        assert (done["slices"], done["spacing_i_mm"], done["spacing_k_mm"]) == ("8", "2", "5")
        assert (done["liver_ml"], done["spleen_ml"]) == ("3.84", "0.00")
        assert done["flags"] == "liver: implausibly small; spleen: not found"
        stages = [float(done[f"{stage}_s"]) for stage in ("read", "segment", "measure", "write")]
        assert float(done["total_s"]) == pytest.approx(sum(stages), abs=0.03) and sum(stages) > 0
    printed = capfd.readouterr().err
    assert "Traceback" not in printed and "Scans: 3; finished earlier: 0." in printed
    assert f"Left out, of modality MR: {tree / 'c'} (series 2)" in printed
    assert f"Left out, named like a label map: {tree / 'c.seg.nrrd'}" in printed
    assert printed.splitlines()[-1].startswith("mistkd segment: error: 1 of 3 cases failed; ")


def test_a_second_run_does_only_what_is_missing_changed_or_failed(run, quick, tree, tmp_path, capsys):
    for name in "abcde":
        write_volume(tree / f"{name}.nii.gz")
    (tree / "f.nii.gz").write_bytes(b"no scan")
    assert run(tree) == 6
    out = tmp_path / "out"
    first = summary(tmp_path)
    (out / "b.csv").unlink()
    (out / "c.seg.nrrd").unlink()
    os.utime(tree / "d.nii.gz", (1, 1))
    (out / "e.mistkd").write_text("{")
    write_volume(tree / "f.nii.gz")
    assert run(tree) == 0
    assert statuses(tmp_path) == {"a": "skipped", **dict.fromkeys("bcdef", "done")}
    assert {**summary(tmp_path)["a"], "status": "done"} == first["a"]
    assert capsys.readouterr().out.startswith("Scans segmented: 5; finished earlier: 1; see ")
    assert run(tree) == 0
    assert set(statuses(tmp_path).values()) == {"skipped"}


@pytest.mark.parametrize("changed", ["size", "time"])
def test_a_result_that_somebody_corrected_is_left_alone_and_said_so_until_it_is_deleted(run, quick, tree, tmp_path,
                                                                                       capsys, changed):
    write_volume(tree / "a.nii.gz")
    assert run(tree) == 0
    result = tmp_path / "out" / "a.seg.nrrd"
    if changed == "size":
        result.write_bytes(b"corrected")
    else:
        os.utime(result, ns=(1, 1))
    before = result.read_bytes()
    sentence = "changed since written, delete to have it made again: a.seg.nrrd"
    # Whatever else is new: hours of work may be in it.
    for options in ([], ["--organs", "liver"]):
        capsys.readouterr()
        assert run(tree, *options) == 0
        assert statuses(tmp_path) == {"a": "skipped"} and result.read_bytes() == before
        row = summary(tmp_path)["a"]
        assert row["flags"] == sentence and not any(value for name, value in row.items() if name.endswith("_ml"))
        assert f"a: {sentence}" in capsys.readouterr().err.splitlines()
    result.unlink()
    assert run(tree) == 0
    assert statuses(tmp_path) == {"a": "done"} and sentence not in summary(tmp_path)["a"]["flags"]


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_a_scan_whose_voxels_lie_in_a_file_of_their_own_is_done_again_when_that_changes(run, quick, tree, tmp_path,
                                                                                       suffix):
    write_volume(tree / f"a{suffix}")
    voxels, = tree.glob("a.*raw")
    for expected in ("done", "skipped"):
        assert run(tree) == 0
        assert statuses(tmp_path) == {"a": expected}
    os.utime(voxels, ns=(1, 1))
    assert run(tree) == 0
    assert statuses(tmp_path) == {"a": "done"}


def test_another_version_of_the_program_does_all_again(run, quick, tree, tmp_path, monkeypatch):
    write_volume(tree / "a.nii.gz")
    assert run(tree) == 0
    monkeypatch.setattr("MISTKDSegmentLib.batch.outcome.__version__", "99.0")
    for expected in ("done", "skipped"):
        assert run(tree) == 0
        assert statuses(tmp_path) == {"a": expected}


@pytest.mark.parametrize("form", ["seg.nrrd", "nii.gz"])
def test_a_name_that_leaves_room_for_the_segmentation_leaves_room_for_the_record(run, quick, tree, tmp_path, form):
    name = "x" * (255 - len(f".seg.{form.replace('seg.', '')}"))
    write_volume(tree / f"{name}.nrrd")
    for expected in ("done", "skipped"):
        assert run(tree, "--format", form) == 0
        assert statuses(tmp_path) == {name: expected}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_a_name_that_is_no_utf_8_costs_the_scan_beside_it_nothing_and_a_slice_of_that_name_its_series(
        run, quick, tree, tmp_path):
    write_volume(tree / "a.nii.gz")
    Path(os.fsdecode(os.fsencode(tree) + b"/B\xe4uche.txt")).write_text("x")
    write_ct_series(tree / "study")
    os.rename(tree / "study" / "s1-7.dcm", os.fsencode(tree) + b"/study/\xe4.dcm")
    assert run(tree) == 6
    assert statuses(tmp_path) == {"a": "done", "study": "failed"}
    assert "no UTF-8 in its name; rename it" in summary(tmp_path)["study"]["error"]


def test_ct_images_that_cannot_be_read_are_failures_and_what_holds_no_ct_is_not(run, quick, tree, tmp_path):
    write_volume(tree / "a.nii.gz")
    write_ct_series(tree / "damaged", slices=2)
    for path in (tree / "damaged").iterdir():
        path.write_bytes(path.read_bytes()[:500])
    write_ct_series(tree / "magnetic", slices=2, modality="MR")
    (tree / "notes").mkdir()
    (tree / "notes" / "notes.txt").write_text("x")
    assert run(tree) == CasesFailed.exit_code == 6
    assert statuses(tmp_path) == {"a": "done", "damaged": "failed"}
    assert "is damaged or truncated" in summary(tmp_path)["damaged"]["error"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions bind neither root nor Windows")
def test_a_folder_that_may_not_be_opened_is_a_failure(run, quick, tree, tmp_path):
    write_volume(tree / "a.nii.gz")
    (tree / "closed").mkdir(mode=0)
    assert run(tree) == 6
    assert statuses(tmp_path) == {"a": "done", "closed": "failed"}
    assert "check its permissions" in summary(tmp_path)["closed"]["error"]


def test_other_options_or_another_model_do_all_again_and_other_workers_do_not(run, quick, tree, tmp_path, tiny_bundle):
    write_volume(tree / "a.nii.gz")
    for arguments, expected in [
            ([], "done"), (["--threads", "2"], "skipped"), (["--organs", "liver"], "done"),
            (["--organs", "liver", "--slice-step", "5"], "done"),
            (["--organs", "liver", "--slice-step", "5", "--format", "nii.gz"], "done")]:
        assert run(tree, *arguments) == 0
        assert statuses(tmp_path) == {"a": expected}, arguments
    description = tiny_bundle / "model.json"
    description.write_text(description.read_text().replace('"title": "Liver"', '"title": "Leber"'))
    assert run(tree, "--organs", "liver", "--slice-step", "5", "--format", "nii.gz") == 0
    # The same network, whose organs now have other names.
    assert statuses(tmp_path) == {"a": "done"} and "Leber" in (tmp_path / "out" / "a.csv").read_text()


def test_results_are_those_of_a_single_run(run, quick, tree, tmp_path, tiny_bundle):
    scan = write_volume(tree / "a.nii.gz")
    write_volume(tree / "b.nii.gz")
    assert run(tree) == 0
    alone = [str(scan), "--model", str(tiny_bundle), "--output", str(tmp_path / "alone"), "--no-picture"]
    assert segment.main(alone) == 0
    assert files_in(tmp_path / "alone") == {"a.seg.nrrd", "a.csv"}
    for name in ("a.seg.nrrd", "a.csv"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_series_of_one_folder_are_read_apart_also_into_dicom_seg(run, quick, tree, tmp_path):
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("highdicom", reason="writing DICOM SEG needs the extra dicom")
    write_ct_series(tree, 3)
    write_ct_series(tree, 4, slices=4)
    write_volume(tree / "file.nii.gz")
    assert run(tree, "--format", "dcm") == 6
    assert statuses(tmp_path) == {"file": "failed", "tree-series3": "done", "tree-series4": "done"}
    assert "is no DICOM folder" in summary(tmp_path)["file"]["error"]
    frames = [pydicom.dcmread(tmp_path / "out" / f"tree-series{number}.seg.dcm").NumberOfFrames for number in (3, 4)]
    assert frames == [4, 2]


def test_nothing_of_the_patient_is_in_names_console_tables_records_or_pictures(tiny_bundle, tree, tmp_path, capfd):
    write_ct_series(tree / "one", 7)
    write_ct_series(tree / "one", 8, slices=3)
    write_ct_series(tree / "two", 9, slices=5, intercept=0)
    (tree / "two" / "s9-2.dcm").unlink()
    command = [str(tree), "--model", str(tiny_bundle), "--output", str(tmp_path / "out"), "--workers", "1"]
    assert segment.main(command) == 6
    assert statuses(tmp_path) == {"one-series7": "done", "one-series8": "done", "two": "failed"}
    paths = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(paths) == 9
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".nrrd":
            head, _, packed = content.partition(b"\n\n")
            content = head + gzip.decompress(packed)
        assert b"SECRET" not in content and b"1.2.826" not in content, path
        assert "SECRET" not in path.name
    printed = "".join(capfd.readouterr())
    assert "two: " in printed and "SECRET" not in printed and "1.2.826" not in printed


def test_inputs_without_any_ct_are_one_error(run, quick, tree, capsys):
    write_ct_series(tree / "a", 1, slices=1, modality="MR")
    write_ct_series(tree / "b", 2, slices=1, modality="PT")
    assert run(tree) == 3
    assert "mistkd segment: error: There is no CT among the inputs" in capsys.readouterr().err.splitlines()[-1]


def test_one_scan_with_workers_is_a_run_of_many(run, quick, tree, tmp_path):
    assert run(write_volume(tree / "a.nii.gz")) == 0
    assert files_in(tmp_path / "out") == {"summary.csv", *results("a")}


@posix_only
@pytest.mark.slow
def test_ctrl_c_stops_at_once_and_leaves_what_is_done(tiny_bundle, tree, tmp_path):
    write_volume(tree / "a.nii.gz")
    write_volume(tree / "long.nii.gz", np.tile(body(), (4000, 1, 1)))
    process = subprocess.Popen(
        [sys.executable, "-m", "MISTKDSegmentLib", "segment", str(tree), "--workers", "1", "--model", str(tiny_bundle),
         "--output", str(tmp_path / "out"), "--no-picture"],
        # A test run started in the background ignores Ctrl-C, and its children would too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", cwd=Path(segment.__file__).parents[2])
    try:
        assert any("[1/2] a: done" in line for line in process.stderr)
        time.sleep(0.3)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all processes get it
        _, err = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    assert process.returncode == 130 and time.monotonic() - began < STOP_S
    assert err.splitlines() == ["mistkd segment: stopped"]
    assert files_in(tmp_path / "out") == {"summary.csv", *results("a")}
    assert statuses(tmp_path) == {"a": "done", "long": "waiting"}
