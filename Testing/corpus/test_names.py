"""Odd names, long paths, links and read-only files: what the disk takes, the command takes."""

from __future__ import annotations

import os
import unicodedata

import pytest
import SimpleITK as sitk

from Testing.corpus import scans
from Testing.corpus.test_named import OUTPUT_EXIT, files, run

__all__ = ["run"]  # a fixture
SCAN = scans.plain()
NAMES = ["with spaces  and two", "Bäuche 腹部 живот", unicodedata.normalize("NFD", "Bäuche é"),
         "it's \"quoted\" `x` $HOME", "-o", "--help",
         "CON", "aux.nul", "a;b&c|d", "percent%20%d", "[red]markup[red]", "trailing ", ".hidden", "🩻"]


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_kind_are_those_of_the_results(run, tmp_path, name, suffix):
    scans.write(SCAN, tmp_path / "plain.nrrd")
    scan = scans.write(SCAN, tmp_path / f"x{suffix}").rename(tmp_path / f"{name}{suffix}")
    code, error = run(scan, out=tmp_path / f"{name} out")
    assert code == 0, error
    assert files(tmp_path / f"{name} out") == sorted([f"{name}.csv", f"{name}.seg.nrrd"])


@pytest.mark.parametrize("name", NAMES)
def test_series_in_folders_of_any_name_are_read(run, tmp_path, name):
    folder = scans.write_dicom(SCAN, tmp_path / "x").rename(tmp_path / name)
    code, error = run(folder, out=tmp_path / "the out")
    assert code == 0, error
    assert f"{name}.seg.nrrd" in files(tmp_path / "the out")


@pytest.mark.parametrize("length", [240, 246, 255 - len(".nii.gz")])
def test_names_as_long_as_the_disk_takes_give_results_or_one_sentence(run, tmp_path, length):
    scan = scans.write(SCAN, tmp_path / "x.nii.gz").rename(tmp_path / f"{'n' * length}.nii.gz")
    code, error = run(scan)
    fits = length + len(".seg.nrrd") <= 255
    assert code == (0 if fits else OUTPUT_EXIT)
    assert fits or "too long" in error
    assert len(files(tmp_path / "out")) == (2 if fits else 0)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_paths_longer_than_windows_takes_by_default_work(run, tmp_path, suffix):
    folder = tmp_path.joinpath(*["a folder of forty characters in its name"] * 8)
    folder.mkdir(parents=True)
    code, error = run(scans.write(SCAN, folder / f"scan{suffix}"), out=folder / "out")
    assert code == 0, error
    assert files(folder / "out") == ["scan.csv", "scan.seg.nrrd"]


def test_read_only_scans_and_folders_are_read_and_stay(run, tmp_path):
    (tmp_path / "in").mkdir()
    scan = scans.write(SCAN, tmp_path / "in" / "scan.nii.gz")
    scan.chmod(0o400)
    scan.parent.chmod(0o500)
    before = scan.read_bytes()
    try:
        assert run(scan)[0] == 0
    finally:
        scan.parent.chmod(0o700)
    assert scan.read_bytes() == before and files(scan.parent) == ["scan.nii.gz"]


def test_a_link_to_a_scan_is_read_under_its_own_name(run, tmp_path):
    scans.write(SCAN, tmp_path / "real.nii.gz")
    (tmp_path / "link.nii.gz").symlink_to("real.nii.gz")
    assert run(tmp_path / "link.nii.gz")[0] == 0
    assert files(tmp_path / "out") == ["link.csv", "link.seg.nrrd"]


def test_a_link_to_a_folder_of_slices_is_read(run, tmp_path):
    scans.write_dicom(SCAN, tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert run(tmp_path / "link")[0] == 0


def test_links_that_go_round_in_a_folder_of_slices_are_passed_over(run, tmp_path):
    folder = scans.write_dicom(SCAN, tmp_path / "scan")
    (folder / "up").symlink_to("..")
    (folder / "self").symlink_to("self")
    (folder / "gone").symlink_to("nowhere")
    assert run(folder)[0] == 0


@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "to nothing yet"])
def test_a_result_that_is_a_link_is_written_where_it_leads(run, tmp_path, exists):
    (tmp_path / "out").mkdir()
    (tmp_path / "archive").mkdir()
    (tmp_path / "out" / "scan.seg.nrrd").symlink_to(tmp_path / "archive" / "kept.seg.nrrd")
    if exists:
        (tmp_path / "archive" / "kept.seg.nrrd").write_text("old")
    assert run(scans.write(SCAN, tmp_path / "scan.nii"))[0] == 0
    assert (tmp_path / "out" / "scan.seg.nrrd").is_symlink()
    assert files(tmp_path / "archive") == ["kept.seg.nrrd"]
    assert sitk.ReadImage(str(tmp_path / "archive" / "kept.seg.nrrd")).GetSize() == SCAN.hu.shape[::-1]


def test_a_result_that_is_a_link_to_itself_ends_in_one_sentence(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "scan.seg.nrrd").symlink_to("scan.seg.nrrd")
    code, error = run(scans.write(SCAN, tmp_path / "scan.nii"))
    assert code == OUTPUT_EXIT and "leads back to itself" in error
    assert files(tmp_path / "out") == ["scan.seg.nrrd"]


def test_a_result_that_is_a_link_to_the_scan_does_not_replace_it(run, tmp_path):
    scan = scans.write(SCAN, tmp_path / "scan.nii.gz")
    before = scan.read_bytes()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "scan.seg.nrrd").symlink_to(scan)
    code, error = run(scan)
    assert code == OUTPUT_EXIT and "is the input itself" in error
    assert scan.read_bytes() == before and os.listdir(tmp_path / "out") == ["scan.seg.nrrd"]
