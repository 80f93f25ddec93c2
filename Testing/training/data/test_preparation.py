"""Preparing: what goes in comes out in the network's geometry, what does not fit is refused, nothing is done twice."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MISTKDSegmentLib.errors import InputError, OutputError
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Testing.training import raw_data
from Testing.training.raw_data import NAMES, VOXELS, body, nnunet, ours, reference, write
from Training import prepare as script
from Training.data.manifest import read_manifest
from Training.data.preparation import prepare
from Training.data.prepared import IGNORE
from Training.prepare import main

SHARED = Path(__file__).parents[4] / "shared" / "ct"
PATIENCE_S = 60


def arrays(folder, name="a"):
    with np.load(folder / f"{name}.npz") as file:
        return file["image"], file["labels"]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".npz"}


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


class TestWhatComesOut:
    def test_body_in_8_bits(self, tmp_path):
        prepare(nnunet(tmp_path / "raw", "a"), tmp_path / "out")
        image, labels = arrays(tmp_path / "out")
        assert image.dtype == labels.dtype == np.uint8
        assert image.shape == labels.shape and image.shape[0] == 8 and image.shape[2] < 80
        assert {name: (labels == value).sum() for name, value in ours().items()} == VOXELS
        assert image[labels == 5].min() == image[labels == 5].max() == round(275 / 400 * 255)
        assert image[:, 0, 0].max() == 0

    def test_any_storage_order(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a")
        prepare(raw, tmp_path / "one")
        for path, voxels in (("imagesTr/a_0000", body()), ("labelsTr/a", reference(ours()))):
            image = sitk.GetImageFromArray(voxels[:, :, ::-1])
            image.SetSpacing(raw_data.SPACING_MM)
            image.SetDirection([-1, 0, 0, 0, 1, 0, 0, 0, 1])
            sitk.WriteImage(image, str(raw / f"{path}.nii.gz"))
        prepare(raw, tmp_path / "two")
        for one, two in zip(arrays(tmp_path / "one"), arrays(tmp_path / "two")):
            np.testing.assert_array_equal(one, two)

    def test_finer_pixels_are_resampled(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a")
        prepare(raw, tmp_path / "out", pixel_spacing_mm=3.0)
        _, labels = arrays(tmp_path / "out")
        assert (labels == 5).sum() == pytest.approx(VOXELS["liver"] / 4, rel=0.2)

    def test_ignored_voxels_stay_ignored(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a", declared={"background": 0, **ours(), "stomach": [], "ignore": 8})
        _, (preparation,) = prepare(raw, tmp_path / "out")
        assert (arrays(tmp_path / "out")[1] == IGNORE).sum() == preparation.ignored == VOXELS["stomach"]

    def test_manifest(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a", values={"liver": 1, "aorta": 2}, reference="made up", licence="none")
        _, (preparation,) = prepare(raw, tmp_path / "out", window_hu=(-100.0, 200.0))
        manifest = read_manifest(tmp_path / "out")
        assert (manifest.source, manifest.licence, manifest.window_hu) == ("made up", "none", (-100.0, 200.0))
        assert manifest.labels == ABDOMEN_LABELS
        (case,) = manifest.cases
        assert case == preparation.case and case.annotated == ("aorta", "liver")
        assert case.voxels == {name: VOXELS[name] if name in case.annotated else 0 for name in NAMES}
        assert case.sha256 == hashlib.sha256((tmp_path / "out" / "a.npz").read_bytes()).hexdigest()
        assert case.content_sha256 == hashlib.sha256(arrays(tmp_path / "out")[0].tobytes()).hexdigest()
        # 896 pixels of 1.5 x 1.5 x 5 mm.
        assert preparation.organ_ml(1.5)["liver"] == pytest.approx(10.08)

    def test_unlabelled_scans(self, tmp_path):
        write(tmp_path / "raw" / "scan.nrrd", body())
        prepare(tmp_path / "raw", tmp_path / "out")
        assert read_manifest(tmp_path / "out").cases[0].annotated == ()
        assert not arrays(tmp_path / "out", "scan")[1].any()

    def test_other_organs(self, tmp_path):
        labels = reference({"spleen": 1})
        labels[5, 24:28, 40:44] = 2
        raw = nnunet(tmp_path / "raw", "a", declared={"spleen": 1, "duodenum": 2})
        write(raw / "labelsTr" / "a.nii.gz", labels)
        (tmp_path / "organs.yaml").write_text("- duodenum\n- spleen\n")
        assert main([str(raw), str(tmp_path / "out"), "--organs", str(tmp_path / "organs.yaml"),
                     "--workers", "0"]) == 0
        manifest = read_manifest(tmp_path / "out")
        assert [(label.value, label.name) for label in manifest.labels] == [(1, "duodenum"), (2, "spleen")]
        assert manifest.cases[0].voxels == {"duodenum": 16, "spleen": VOXELS["spleen"]}

    @pytest.mark.parametrize("write_raw", [lambda f: nnunet(f, "a"), raw_data.btcv, raw_data.transunet,
                                           lambda f: raw_data.totalsegmentator(f, "a")])
    def test_layouts_agree(self, tmp_path, write_raw):
        write_raw(tmp_path / "raw")
        _, (preparation,) = prepare(tmp_path / "raw", tmp_path / "out", pixel_spacing_mm=1.5)
        assert all(preparation.case.voxels[name] > 0 for name in NAMES) and preparation.case.annotated == tuple(NAMES)

    def test_test_cases_are_left_out(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a")
        write(raw / "imagesTs" / "b_0000.nii.gz", body(7))
        write(raw / "labelsTs" / "b.nii.gz", reference(ours()))
        assert [one.case.name for one in prepare(raw, tmp_path / "out")[1]] == ["a"]
        assert [one.case.name for one in prepare(raw, tmp_path / "out", with_test=True)[1]] == ["a", "b"]
        assert [one.case.name for one in prepare(raw, tmp_path / "out", skip=["a"], with_test=True)[1]] == ["b"]

    def test_only_test_cases(self, tmp_path):
        raw = tmp_path / "raw"
        write(raw / "imagesTs" / "b_0000.nii.gz", body())
        nnunet(raw)
        write(raw / "labelsTs" / "b.nii.gz", reference(ours()))
        assert [one.case.name for one in prepare(raw, tmp_path / "out")[1]] == ["b"]


class TestWhatIsRefused:
    def test_problems_are_told_together(self, tmp_path, capsys):
        raw = nnunet(tmp_path / "raw", "a", "b", "c", "d", "e")
        write(raw / "labelsTr" / "a.nii.gz", reference({"liver": 99}))
        write(raw / "labelsTr" / "b.nii.gz", reference(ours())[:, :, 1:])
        write(raw / "labelsTr" / "c.nii.gz", reference({}))
        write(raw / "imagesTr" / "d_0000.nii.gz", np.zeros(raw_data.SHAPE, np.int16))
        command = [str(raw), str(tmp_path / "out"), "--workers", "0"]
        assert main(command) == 3
        first, *lines, last = capsys.readouterr().err.splitlines()
        assert first == "mistkd prepare: error: 4 of 5 cases cannot be used:"
        for line, message in zip(lines, ("a: .* label values 99", "b: .* has shape", "c: c has none of the organs",
                                         "d: .* is empty"), strict=True):
            assert re.match(f"  {message}", line)
        assert "leave them out with --skip a b c d;" in last
        assert not (tmp_path / "out" / "manifest.json").exists()
        kept = (tmp_path / "out" / "e.npz").stat().st_mtime_ns
        assert main([*command, "--skip", "a", "b", "d", "--accept-empty"]) == 0
        assert main([*command, "--skip", "a", "b", "d", "--accept", "c"]) == 0
        assert (tmp_path / "out" / "e.npz").stat().st_mtime_ns == kept
        assert [case.name for case in read_manifest(tmp_path / "out").cases] == ["c", "e"]

    def test_swapped_kidneys(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a", values=ours() | {"left_kidney": 4, "right_kidney": 3},
                     declared={"background": 0} | ours())
        with pytest.raises(InputError, match=r"left kidney on the wrong side .*--accept takes it"):
            prepare(raw, tmp_path / "out")
        _, (preparation,) = prepare(raw, tmp_path / "out", accept=["a"])
        assert len(preparation.doubts) >= 1

    def test_one_scan_under_two_names(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a", "b")
        write(raw / "imagesTr" / "b_0000.nii.gz", body(0))
        with pytest.raises(InputError, match="b is the same scan as a"):
            prepare(raw, tmp_path / "out", accept=["b"])
        prepare(raw, tmp_path / "out", skip=["b"])

    def test_told_before_any_work(self, tmp_path):
        raw = raw_data.transunet(raw_data.transunet(tmp_path / "raw"), "case0098")
        with pytest.raises(InputError, match="spacing of case0098 is not known"):
            prepare(raw, tmp_path / "out")
        assert not list((tmp_path / "out").iterdir())

    @pytest.mark.parametrize(
        ("options", "message"),
        [({"pixel_spacing_mm": 0.0}, "pixel spacing of 0.0 mm makes no sense"),
         ({"window_hu": (275.0, -125.0)}, "window from 275 to -125 HU makes no sense"),
         ({"workers": -1}, "cannot be -1 workers"), ({"skip": ["b"]}, "has no case b; it has a"),
         ({"window_hu": (-125.0, 75.0, 275.0)}, "two ends and not 3"),
         ({"accept": ["b"]}, "has no case b"), ({"skip": ["a"]}, "has no case left to prepare"),
         ({"label_map": Path("zip")}, "zip is no label map file; name one, or one of amos, ")],
    )
    def test_nonsense_is_refused(self, tmp_path, options, message):
        with pytest.raises(InputError, match=message):
            prepare(nnunet(tmp_path / "raw", "a"), tmp_path / "out", **options)

    def test_raw_and_prepared_are_not_mixed(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a")
        with pytest.raises(InputError, match="cannot hold its own prepared cases"):
            prepare(raw, raw)
        prepare(raw, tmp_path / "out")
        with pytest.raises(InputError, match="is prepared already"):
            prepare(tmp_path / "out", tmp_path / "again")

    def test_impossible_folder(self, tmp_path, capsys):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="cannot be made"):
            prepare(nnunet(tmp_path / "raw", "a"), tmp_path / "file")
        assert main([str(tmp_path / "raw"), str(tmp_path / "file")]) == 5
        assert capsys.readouterr().err.count("\n") == 1


class TestGoingOn:
    def test_second_run(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a", "b")
        first = prepare(raw, tmp_path / "out")[1]
        before = times(tmp_path / "out")
        assert prepare(raw, tmp_path / "out")[1] == first
        assert times(tmp_path / "out") == before

    def test_only_changes_are_done(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a", "b", "c", "d")
        prepare(raw, tmp_path / "out")
        before = times(tmp_path / "out")
        write(raw / "labelsTr" / "a.nii.gz", reference(ours() | {"stomach": 0}))
        (tmp_path / "out" / "b.npz").write_bytes(b"damaged")
        (tmp_path / "out" / "c.note.json").write_text("{}")
        prepare(raw, tmp_path / "out")
        after = times(tmp_path / "out")
        assert [name for name in "abcd" if after[f"{name}.npz"] != before[f"{name}.npz"]] == ["a", "b", "c"]
        assert read_manifest(tmp_path / "out").cases[0].voxels["stomach"] == 0
        prepare(nnunet(tmp_path / "fresh", "a", "b", "c", "d"), tmp_path / "clean")
        for name in "bcd":
            assert (tmp_path / "out" / f"{name}.npz").read_bytes() == (tmp_path / "clean" / f"{name}.npz").read_bytes()

    @pytest.mark.parametrize("options", [{"pixel_spacing_mm": 2.0}, {"window_hu": (-100.0, 200.0)},
                                         {"organs": ABDOMEN_LABELS[::-1]}])
    def test_other_options_after_a_stop(self, tmp_path, options):
        raw = nnunet(tmp_path / "raw", "a")
        prepare(raw, tmp_path / "out")
        before = contents(tmp_path / "out")
        (tmp_path / "out" / "manifest.json").unlink()
        prepare(raw, tmp_path / "out", **options)
        prepare(raw, tmp_path / "clean", **options)
        assert contents(tmp_path / "out") == contents(tmp_path / "clean") != before

    @pytest.mark.parametrize(
        ("options", "message"),
        [({"pixel_spacing_mm": 2.0}, "out holds cases of 1.5 mm pixels: name another folder, or remove it"),
         ({"window_hu": (-100.0, 200.0)}, "cases of the window from -125 to 275 HU: name"),
         ({"organs": ABDOMEN_LABELS[:2], "pixel_spacing_mm": 2.0}, "1.5 mm pixels and the organs aorta, gallb"),
         ({"organs": (replace(ABDOMEN_LABELS[0], title="Main"), *ABDOMEN_LABELS[1:])}, "of other titles, colours")],
    )
    def test_other_options_are_refused(self, tmp_path, options, message):
        raw = nnunet(tmp_path / "raw", "a")
        prepare(raw, tmp_path / "out")
        before = times(tmp_path / "out")
        for dry_run in (True, False):
            with pytest.raises(InputError, match=message):
                prepare(raw, tmp_path / "out", dry_run=dry_run, **options)
        assert times(tmp_path / "out") == before

    def test_another_spacing(self, tmp_path):
        raw, spacing = raw_data.transunet(tmp_path / "raw"), tmp_path / "spacing.yaml"
        for mm in (3.0, 4.0):
            spacing.write_text(f"case0005: [1.0, 1.0, {mm}]")
            assert prepare(raw, tmp_path / "out", spacing=spacing)[1][0].case.slice_spacing_mm == mm

    def test_case_named_manifest(self, tmp_path):
        prepare(nnunet(tmp_path / "raw", "manifest", "a.b"), tmp_path / "out")
        before = times(tmp_path / "out")
        prepare(tmp_path / "raw", tmp_path / "out")
        assert times(tmp_path / "out") == before and len(read_manifest(tmp_path / "out").cases) == 2

    def test_skipped_later(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a", "b")
        prepare(raw, tmp_path / "out")
        prepare(raw, tmp_path / "out", skip=["a"])
        assert [case.name for case in read_manifest(tmp_path / "out").cases] == ["b"]

    def test_several_processes(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a", "b", "c")
        assert prepare(raw, tmp_path / "one")[1] == prepare(raw, tmp_path / "two", workers=2)[1]
        assert contents(tmp_path / "one") == contents(tmp_path / "two")
        manifests = [(tmp_path / out / "manifest.json").read_bytes() for out in ("one", "two")]
        assert manifests[0] == manifests[1]

    def test_problems_in_several_processes(self, tmp_path):
        raw = nnunet(tmp_path / "raw", "a", "b")
        write(raw / "labelsTr" / "b.nii.gz", reference({"liver": 99}))
        with pytest.raises(InputError, match=r"1 of 2 cases cannot be used:\n  b: .* label values 99"):
            prepare(raw, tmp_path / "out", workers=2)

    @pytest.mark.slow
    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
    def test_ended_run_goes_on(self, tmp_path, end):
        cases = [f"case{number}" for number in range(24)]
        raw, out = nnunet(tmp_path / "raw", *cases), tmp_path / "out"
        command = [sys.executable, script.__file__, str(raw), str(out), "--workers", "2"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + PATIENCE_S
        while not list(out.glob("case*.npz")) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(end)
        _, errors = process.communicate(timeout=PATIENCE_S)
        if end == signal.SIGINT:
            assert process.returncode == 130 and errors.count("\n") == 1 and "goes on where it can" in errors
            assert not [path for path in out.iterdir() if path.name.startswith(".")]
        time.sleep(0.2)
        assert 0 < len(list(out.glob("case*.npz"))) < len(cases) and not (out / "manifest.json").exists()
        (out / ".mistkd-0123456789ab.note.json").write_bytes(b"half a file")
        before = {path: path.stat().st_mtime_ns for path in out.glob("case*.note.json")}
        assert main(command[2:]) == 0
        assert all(path.stat().st_mtime_ns == then for path, then in before.items())
        prepare(raw, tmp_path / "clean")
        names = sorted(path.name for path in out.iterdir())
        assert names == sorted(path.name for path in (tmp_path / "clean").iterdir())
        for name in names:
            assert (out / name).read_bytes() == (tmp_path / "clean" / name).read_bytes()


@pytest.mark.skipif(not SHARED.exists(), reason="the real scans of ../shared/ct are not here")
class TestRealScans:
    def test_files_and_dicom_series(self, tmp_path):
        with pytest.raises(InputError, match="1 of 4 cases cannot be used:\n  totalseg_example_ct_sm_seg: "):
            prepare(SHARED, tmp_path)
        _, preparations = prepare(SHARED, tmp_path, skip=["totalseg_example_ct_sm_seg"])
        assert [one.case.slices for one in preparations] == [56, 112, 30]
        assert not any(one.case.annotated for one in preparations)

    def test_sides_of_a_real_scan(self, tmp_path):
        numbers = {"spleen": 1, "kidney_right": 2, "kidney_left": 3, "gallbladder": 4, "liver": 5, "stomach": 6,
                   "pancreas": 7, "aorta": 52}
        reference = sitk.ReadImage(str(SHARED / "totalseg_example_ct_sm_seg.nii.gz"))
        case = tmp_path / "raw" / "s0001"
        (case / "segmentations").mkdir(parents=True)
        os.symlink(SHARED / "totalseg_example_ct_sm.nii.gz", case / "ct.nii.gz")
        for name, number in numbers.items():
            sitk.WriteImage(reference == number, str(case / "segmentations" / f"{name}.nii.gz"))
        _, (preparation,) = prepare(tmp_path / "raw", tmp_path / "out")
        assert preparation.doubts == () and preparation.case.annotated == tuple(NAMES)
        assert preparation.organ_ml(1.5)["liver"] > 100
        assert json.loads((tmp_path / "out" / "s0001.note.json").read_text(encoding="utf-8"))["size"] == [122, 101, 30]
