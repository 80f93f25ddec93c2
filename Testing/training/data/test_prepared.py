"""The manifest of prepared cases, and voxels that are unpacked once and mapped from disk."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Testing.training.prepared_data import write_prepared
from Training.data import prepared
from Training.data.manifest import read_manifest, read_manifests, write_manifest
from Training.data.prepared import MOST_OPEN_FILES, load_cases


def test_what_is_written_is_read_back(tmp_path):
    folder = write_prepared(tmp_path / "p", labels=ABDOMEN_LABELS)
    manifest = read_manifest(folder)
    assert manifest.labels == ABDOMEN_LABELS
    assert [case.name for case in manifest.cases] == ["a", "b", "c"]
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


def test_voxels_are_mapped(tmp_path):
    (case,) = load_cases([write_prepared(tmp_path / "p")], ["b"])
    assert isinstance(case.image[1:3], np.memmap) and case.image.shape == (4, 48, 64) and len(case.labels) == 4
    packed = np.load(tmp_path / "p" / "b.npz")
    np.testing.assert_array_equal(case.image, packed["image"])
    np.testing.assert_array_equal(case.labels, packed["labels"])
    assert case.organs.tolist() == [[True, False, False]] + [[True, True, True]] * 3
    assert case.annotated.tolist() == [True, True, True] and case.is_labelled


def test_cases_travel_without_voxels(tmp_path):
    (case,) = load_cases([write_prepared(tmp_path / "p", slices=40)], ["b"])
    sent = pickle.dumps(case)
    assert len(sent) < case.image[:].nbytes / 10
    np.testing.assert_array_equal(pickle.loads(sent).labels, case.labels)


def test_few_files_stay_open(tmp_path):
    names = [f"c{number}" for number in range(MOST_OPEN_FILES // 2 + 20)]
    cases = load_cases([write_prepared(tmp_path / "p", names, slices=1)], names)
    assert all(case.image[0].any() and not case.labels[0].any() for case in cases)
    assert prepared._mapped.cache_info().currsize == MOST_OPEN_FILES < 2 * len(names)


def test_voxels_are_unpacked_once(tmp_path):
    folder = write_prepared(tmp_path / "p")
    load_cases([folder], ["a"])
    times = {path: path.stat().st_mtime_ns for path in (folder / "unpacked").iterdir()}
    load_cases([folder], ["a"])
    assert times == {path: path.stat().st_mtime_ns for path in (folder / "unpacked").iterdir()}


def test_damaged_voxels_are_unpacked_anew(tmp_path):
    folder = write_prepared(tmp_path / "p")
    (case,) = load_cases([folder], ["a"])
    expected = case.image[:].copy()
    for file in (folder / "unpacked").iterdir():
        file.write_bytes(file.read_bytes()[:-10])
    (folder / "unpacked" / "a.0123456789ab.image.npy").write_bytes(b"old")
    prepared._mapped.cache_clear()
    np.testing.assert_array_equal(load_cases([folder], ["a"])[0].image, expected)
    assert len(list((folder / "unpacked").iterdir())) == 3


def test_processes_unpack_together(tmp_path):
    folder = write_prepared(tmp_path / "p")
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: load_cases([folder], ["a", "b"]), range(8)))
    for cases in opened:
        np.testing.assert_array_equal(cases[0].image, opened[0][0].image)
    assert len(list((folder / "unpacked").iterdir())) == 6


def test_unlabelled_case_annotates_nothing(tmp_path):
    (case,) = load_cases([write_prepared(tmp_path / "p", unlabelled=["u"])], ["u"])
    assert not case.is_labelled and case.annotated.tolist() == [False, False, False]


def test_partly_labelled_case(tmp_path):
    (case,) = load_cases([write_prepared(tmp_path / "p", annotated=["spleen"])], ["a"])
    assert case.is_labelled and case.annotated.tolist() == [True, False, True]


def test_missing_manifest_is_named(tmp_path):
    with pytest.raises(InputError, match=r"holds no prepared cases: make them with mistkd prepare RAW OUT"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("document", [{}, {"schema_version": 1}, {"schema_version": 2}, [], "x"])
def test_other_manifest_is_refused(tmp_path, document):
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"make it with mistkd prepare"):
        read_manifest(tmp_path)


def test_other_file_is_refused(tmp_path):
    folder = write_prepared(tmp_path / "p")
    (folder / "a.npz").write_bytes((folder / "b.npz").read_bytes())
    with pytest.raises(InputError, match=r"a\.npz is not the file that the manifest describes"):
        load_cases([folder], ["a"])
    (folder / "a.npz").unlink()
    with pytest.raises(InputError, match=r"a\.npz cannot be read"):
        load_cases([folder], ["a"])
    with pytest.raises(InputError, match="no case z"):
        load_cases([folder], ["z"])


def test_several_folders(tmp_path):
    folders = [write_prepared(tmp_path / "p"), write_prepared(tmp_path / "q", ["d"], annotated=["liver"])]
    manifest = read_manifests(folders)
    assert [case.name for case in manifest.cases] == ["a", "b", "c", "d"]
    assert [case.name for case in load_cases(folders, ["d", "a"])] == ["d", "a"]


def test_misfit_folders_are_refused(tmp_path):
    one = write_prepared(tmp_path / "p")
    with pytest.raises(InputError, match="differ in window_hu"):
        read_manifests([one, write_prepared(tmp_path / "q", ["d"], window_hu=(0.0, 1.0))])
    with pytest.raises(InputError, match="differ in labels"):
        read_manifests([one, write_prepared(tmp_path / "r", ["d"], labels=ABDOMEN_LABELS)])
    with pytest.raises(InputError, match="two prepared data sets have a case a"):
        read_manifests([one, write_prepared(tmp_path / "s", ["a"])])
    with pytest.raises(InputError, match="no prepared data set"):
        read_manifests([])


def test_one_scan_under_two_names(tmp_path):
    one, two = write_prepared(tmp_path / "p"), write_prepared(tmp_path / "q", ["a"])
    manifest = read_manifest(two)
    write_manifest(two, replace(manifest, cases=(replace(manifest.cases[0], name="z"),)))
    with pytest.raises(InputError, match="z and a are the same scan"):
        read_manifests([one, two])
