"""Every bad scan, bundle and output folder that somebody named: the command says one sentence and leaves no file.

Bad data of a training (labels outside the map, cases in both splits, ...) are in `Testing/training`.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.cli import segment
from Testing.conftest import write_tiny_bundle
from Testing.corpus import scans
from Testing.corpus.line import check_ending, check_sentence, read_segment_write
from Testing.lib.dicom_files import write_slice

INPUT_EXIT, MODEL_EXIT, OUTPUT_EXIT = 3, 4, 5
SCAN = scans.plain()


def stored(path, voxels, is_vector=False, compress=False):
    image = sitk.GetImageFromArray(voxels, isVector=is_vector)
    if image.GetDimension() == 3:
        image.SetSpacing(SCAN.spacing_mm)
    sitk.WriteImage(image, str(path), compress)
    return path


def patched(path, offset, kind, *values):
    scans.write(SCAN, path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<" + kind, data, offset, *values)
    path.write_bytes(data)
    return path


def with_value(value):
    voxels = SCAN.hu.astype(np.float32)
    voxels[1, 2, 3] = value
    return voxels


def series(folder, without=(), **options):
    scans.write_dicom(replace(SCAN, hu=SCAN.hu[:, :8, :8]), folder)
    for k in without:
        (folder / f"{k:03}.dcm").unlink()
    if options:
        write_slice(folder / "more.dcm", 0, (0, 0, 0), values=SCAN.hu[0, :8, :8], **options)
    return folder


def cut(path, length):
    scans.write(SCAN, path)
    path.write_bytes(path.read_bytes()[:length])
    return path


def linked(path, to):
    path.symlink_to(to)
    return path


def pipe(path):
    os.mkfifo(path)
    return path


def text(path, content):
    path.write_text(content, encoding="utf-8")
    return path


BAD_SCANS = {
    "a missing file": lambda at: at / "missing.nii.gz",
    "a missing folder": lambda at: at / "missing",
    "another kind of file": lambda at: text(at / "notes.txt", "hello"),
    "text in a NIfTI's clothes": lambda at: text(at / "scan.nii.gz", "hello"),
    "an empty file": lambda at: text(at / "scan.nrrd", ""),
    "MR": lambda at: stored(at / "scan.nrrd", np.abs(SCAN.hu)),
    "already windowed": lambda at: stored(at / "scan.nrrd", (SCAN.hu > 0).astype(np.uint8) * 255),
    "scaled to one": lambda at: stored(at / "scan.nrrd", SCAN.hu / np.float32(1000)),
    "no rescale intercept": lambda at: stored(at / "scan.nrrd", SCAN.hu + 1024),
    "a label map": lambda at: stored(at / "scan.nii.gz", (SCAN.hu > 0).astype(np.uint8)),
    "all zero": lambda at: stored(at / "scan.nii.gz", np.zeros((4, 5, 6), np.int16)),
    "constant": lambda at: stored(at / "scan.mha", np.full((4, 5, 6), -1024, np.int16)),
    "air alone": lambda at: stored(at / "scan.mha", SCAN.hu // 2 - 900),
    "NaN": lambda at: stored(at / "scan.nii", with_value(np.nan)),
    "infinity": lambda at: stored(at / "scan.nrrd", with_value(-np.inf)),
    "4-D": lambda at: stored(at / "scan.nrrd", np.stack([SCAN.hu] * 2)),
    "RGB": lambda at: stored(at / "scan.mha", np.stack([SCAN.hu.astype(np.uint8)] * 3, -1), is_vector=True),
    "2-D": lambda at: stored(at / "scan.nrrd", SCAN.hu[2]),
    "zero spacing": lambda at: patched(at / "scan.nii", 80, "f", 0.0),
    "negative spacing": lambda at: patched(at / "scan.nii", 84, "f", -2.0),
    "spacing in metres": lambda at: patched(at / "scan.nii", 80, "3f", 0.002, 0.002, 0.005),
    "an impossible size": lambda at: patched(at / "scan.nii", 42, "h", -20),
    "a size beyond the file": lambda at: patched(at / "scan.nii", 42, "3h", 32000, 32000, 32000),
    "a truncated header": lambda at: cut(at / "scan.nii", 200),
    "truncated voxels": lambda at: cut(at / "scan.nrrd", -5),
    "NIfTI-2": lambda at: patched(at / "scan.nii", 0, "i", 540),
    "missing slices": lambda at: series(at / "study", without=(2, 3)),
    "MR in DICOM": lambda at: series(at / "study", without=range(6), modality="MR"),
    "a single DICOM file": lambda at: series(at / "study") / "002.dcm",
    "an empty folder": lambda at: (at / "empty").mkdir() or at / "empty",
    "a link to nothing": lambda at: linked(at / "scan.nrrd", at / "gone.nrrd"),
    "a link to itself": lambda at: linked(at / "scan.nrrd", at / "scan.nrrd"),
    "a pipe": lambda at: pipe(at / "scan.nii.gz"),
    "a device": lambda at: linked(at / "scan.nii", "/dev/zero"),
}


@pytest.fixture
def run(bundle, tmp_path, capfd):
    """Runs the command on a scan: exit code and error; a traceback or a second error fails the test."""
    def run(scan, *options, model=bundle, out=tmp_path / "out"):
        code = segment.main(["--model", str(model), "--output", str(out), "--threads", "1", "--no-picture",
                         *options, "--", str(scan)])
        printed = capfd.readouterr()
        assert "Traceback" not in printed.out + printed.err
        errors = [line for line in printed.err.splitlines() if ": error: " in line]
        assert len(errors) == (code != 0)
        return code, errors[0].partition(": error: ")[2] if errors else ""
    return run


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.is_dir() else []


@pytest.mark.parametrize("kind", BAD_SCANS)
def test_a_bad_scan_ends_in_one_sentence_and_no_file(run, tmp_path, kind):
    scan = BAD_SCANS[kind](tmp_path)
    code, error = run(scan)
    assert code == INPUT_EXIT
    check_sentence(error, scan)
    assert files(tmp_path / "out") == []


def test_a_folder_that_is_to_be_one_scan_and_holds_two_is_refused(bundle, tmp_path):
    """The command takes such a folder for several scans; who asks for one gets none."""
    scan, out = series(tmp_path / "study", series=2), tmp_path / "out" / "scan.seg.nrrd"
    out.parent.mkdir()
    outcome = read_segment_write(scan, bundle, out)
    check_ending(outcome, scan, out)
    assert outcome.error


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions bind neither root nor Windows")
def test_a_scan_that_may_not_be_read_ends_in_one_sentence(run, tmp_path):
    scan = scans.write(SCAN, tmp_path / "scan.nii.gz")
    scan.chmod(0)
    code, error = run(scan)
    assert code == INPUT_EXIT and "permissions" in error


BAD_MODELS = {
    "missing": lambda folder: shutil.rmtree(folder),
    "without its network": lambda folder: (folder / "model.onnx").unlink(),
    "without its description": lambda folder: (folder / "model.json").unlink(),
    "with a damaged network": lambda folder: (folder / "model.onnx").write_bytes(b"damaged"),
    "with a damaged description": lambda folder: (folder / "model.json").write_text("{"),
}


@pytest.mark.parametrize("kind", BAD_MODELS)
def test_a_bad_model_ends_in_one_sentence_and_no_file(run, tmp_path, kind):
    folder = write_tiny_bundle(tmp_path / "model")
    BAD_MODELS[kind](folder)
    code, error = run(scans.write(SCAN, tmp_path / "scan.nii"), model=folder)
    assert code == MODEL_EXIT
    check_sentence(error, folder)
    assert files(tmp_path / "out") == []


@pytest.mark.parametrize("place", ["/proc/results", "/dev/null/results", "file/results", "file"])
def test_an_output_folder_that_cannot_be_written_ends_in_one_sentence(run, tmp_path, place):
    (tmp_path / "file").touch()
    out = tmp_path / place  # an absolute place stays what it is
    code, error = run(scans.write(SCAN, tmp_path / "scan.nii"), out=out)
    assert code == OUTPUT_EXIT
    check_sentence(error, out)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions bind neither root nor Windows")
def test_a_read_only_output_folder_ends_in_one_sentence(run, tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    code, _ = run(scans.write(SCAN, tmp_path / "scan.nii"))
    assert code == OUTPUT_EXIT and files(tmp_path / "out") == []


LIMITED = """
import resource, signal, sys
from MISTKDSegmentLib.cli import segment
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.exit(segment.main(sys.argv[2:]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="the system bounds no files")
@pytest.mark.parametrize("form", ["seg.nrrd", "nii.gz"])
def test_a_disk_that_fills_up_while_writing_keeps_the_old_results(tmp_path, bundle, form):
    """A bound on the size of files breaks off the writing of the segmentation, really and half-way."""
    scan, out = scans.write(scans.plain((40, 90, 90)), tmp_path / "scan.nii"), tmp_path / "out"
    out.mkdir()
    for name in ("scan.seg.nrrd", "scan.seg.nii.gz"):
        (out / name).write_text("old")
    arguments = ["300", "--model", str(bundle), "--output", str(out), "--format", form, str(scan)]
    done = subprocess.run([sys.executable, "-c", LIMITED, *arguments], capture_output=True, text=True)
    assert done.returncode == OUTPUT_EXIT and "Traceback" not in done.stderr, done.stderr
    assert f"scan.seg.{form.replace('seg.', '')} cannot be written" in done.stderr.splitlines()[-1]
    assert [(out / name).read_text() for name in files(out)] == ["old", "old"]


def test_limits_of_the_tests_are_those_of_their_children_alone():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
