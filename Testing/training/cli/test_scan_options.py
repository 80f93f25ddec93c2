"""Labelled scans are named alike by all scripts, also through split files."""

from __future__ import annotations

import json

import pytest
from jsonargparse import ArgumentParser

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Testing.training.made_up_scans import add_case, made_up_voxels, write_dataset_json, write_nifti
from Training.cli.scan_options import add_scan_options, labelled_scans, read_split


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "raw"
    for name in ("a", "b"):
        add_case(folder, name, found={}, real={})
    write_nifti(folder / "imagesTr" / "blank_0000.nii.gz", made_up_voxels())
    write_dataset_json(folder, liver=5)
    return folder


def names(data, *options):
    parser = ArgumentParser()
    add_scan_options(parser)
    arguments = parser.parse_args(["--data", str(data), *options])
    return [scan.name for scan in labelled_scans(arguments, ABDOMEN_LABELS)]


def test_labelled_scans_by_default(data):
    assert names(data) == ["a", "b"]


def test_named_cases_keep_their_order(data):
    assert names(data, "--cases", "b", "a") == ["b", "a"]


def test_split_file_names_cases(data, tmp_path):
    (tmp_path / "split.json").write_text(json.dumps({"validation": ["b"]}))
    assert names(data, "--split", str(tmp_path / "split.json")) == ["b"]


def test_unlabelled_scan_is_refused(data):
    with pytest.raises(InputError, match=r"blank .* no reference"):
        names(data, "--cases", "a", "blank")


def test_unlabelled_data_are_refused(tmp_path):
    write_nifti(tmp_path / "raw" / "imagesTr" / "blank_0000.nii.gz", made_up_voxels())
    write_dataset_json(tmp_path / "raw", liver=5)
    with pytest.raises(InputError, match="no scan with a reference"):
        names(tmp_path / "raw")


@pytest.mark.parametrize("options", [("--layout", "dicom"), ("--threads", "-1")])
def test_impossible_option(data, options):
    with pytest.raises(SystemExit):
        names(data, *options)


def test_split_is_read(tmp_path):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"training": ["a"], "validation": ["b", "c"]}))
    assert read_split(path) == ["b", "c"]


def test_nnunet_split_is_read(tmp_path):
    path = tmp_path / "splits_final.json"
    path.write_text(json.dumps([{"train": ["a"], "val": ["b", "c"]}, {"train": ["b"], "val": ["a"]}]))
    assert read_split(path) == ["b", "c"]


@pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"validation": 3}', "5"])
def test_no_split_is_refused_by_name(tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"split\.json"):
        read_split(path)


def test_missing_split_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.json"):
        read_split(tmp_path / "nowhere.json")
