"""Python's `segment`: every source, the options, progress, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import MISTKDSegmentLib
from MISTKDSegmentLib import SegmentError, SegmentOptions, load_model, segment
from MISTKDSegmentLib.errors import BundleError, InputError, OptionError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference import runner
from MISTKDSegmentLib.io.reading import read_volume
from Testing.lib.small_scans import LIVER_VOXELS, body, write_ct_series, write_volume

PATIENCE_S = 600  # a busy machine
LIVER = 5


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_volume(tmp_path / "my_ct.nii.gz")


def sources(tmp_path: Path, scan: Path) -> dict[str, object]:
    return {"path": scan, "text": str(scan), "image": sitk.ReadImage(str(scan)), "volume": read_volume(scan),
            "DICOM folder": write_ct_series(tmp_path / "series")}


@pytest.mark.parametrize("kind", ["path", "text", "image", "volume", "DICOM folder"])
def test_every_source_gives_the_same_organs(tmp_path, scan, tiny_bundle, kind):
    result = segment(sources(tmp_path, scan)[kind], model=tiny_bundle, threads=1)
    assert result.labels.dtype == np.uint8
    np.testing.assert_array_equal(result.labels == LIVER, body() == 150)


def test_labels_are_those_of_the_runner(scan, tiny_bundle):
    options = SegmentOptions(slice_step_mm=10.0, postprocess=False, threads=1)
    volume, bundle = read_volume(scan), load_model(tiny_bundle)
    expected = np.zeros(volume.voxels.shape, np.uint8)
    for _ in runner.segment(volume, bundle, expected, options):
        pass
    np.testing.assert_array_equal(segment(scan, model=bundle, options=options).labels, expected)


def test_organs_and_threads_stand_above_the_options(scan, tiny_bundle):
    options = SegmentOptions(organs="liver", threads=3, postprocess=False)
    kept = segment(scan, model=tiny_bundle, options=options).options
    assert kept == options
    changed = segment(scan, model=tiny_bundle, options=options, organs=["spleen"], threads=1).options
    assert changed == replace(options, organs=["spleen"], threads=1)


def test_progress_is_told_and_an_exception_in_it_ends_the_run(scan, tiny_bundle):
    seen = []
    segment(scan, model=tiny_bundle, threads=1, on_progress=seen.append)
    assert [(seen[0].slices_done, seen[-1].slices_done)] == [(0, 8)] and {one.slices_total for one in seen} == {8}

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment(scan, model=tiny_bundle, on_progress=stop)


def test_the_model_that_comes_along_is_taken_by_default():
    assert load_model().name == "synapse-abdomen"
    assert len(load_model().labels) == 8


@pytest.mark.parametrize(("values", "error", "text"), [
    ({"scan": "nowhere.nii.gz"}, InputError, "nowhere.nii.gz does not exist"),
    ({"organs": ["lung"]}, BundleError, "has no organ 'lung'"),
    ({"model": "nowhere"}, BundleError, "nowhere"),
    ({"threads": -2}, OptionError, "threads is -2"),
    ({"scan": np.zeros((3, 4, 5))}, InputError, "A ndarray does not say where its voxels lie"),
    ({"scan": sitk.Image([4, 5], sitk.sitkInt16)}, InputError, "2-D"),
    ({"scan": sitk.Image([4, 5, 6, 2], sitk.sitkInt16)}, InputError, "4-D"),
    ({"scan": sitk.Image([4, 5, 6], sitk.sitkVectorUInt8, 3)}, InputError, "3 values per voxel"),
    ({"scan": sitk.Image([4, 5, 6], sitk.sitkInt16)}, InputError, "The image is empty"),
])
def test_what_cannot_be_segmented_is_one_sentence(scan, tiny_bundle, values, error, text):
    with pytest.raises(error, match=text) as caught:
        segment(**{"scan": scan, "model": tiny_bundle, **values})
    assert isinstance(caught.value, SegmentError) and str(caught.value).endswith(".")


@pytest.mark.parametrize(("changes", "text"), [
    ({"spacing_mm": (2.0, 0.0, 5.0)}, "spacing"), ({"direction": np.ones((3, 3))}, "right angles"),
    ({"direction": np.eye(2)}, "3 x 3"), ({"origin_mm": (0.0, np.nan, 0.0)}, "origin"),
    ({"voxels": np.zeros((8, 24))}, "shape"), ({"voxels": body().astype(str)}, "type"),
    ({"voxels": np.where(body() == 150, np.nan, body())}, "not numbers"),
    ({"voxels": np.abs(body())}, "no CT")])
def test_a_volume_is_checked_like_a_file(tiny_bundle, changes, text):
    volume = replace(Volume(body(), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.eye(3), "mine"), **changes)
    with pytest.raises(InputError, match=text) as caught:
        segment(volume, model=tiny_bundle)
    assert str(caught.value).startswith("mine ")


def test_an_image_with_a_fourth_axis_of_one_is_a_scan(scan, tiny_bundle):
    image = sitk.JoinSeries(sitk.ReadImage(str(scan)))
    assert segment(image, model=tiny_bundle, threads=1).table[0].voxels == LIVER_VOXELS


def test_a_direction_may_be_a_list(tiny_bundle):
    volume = Volume(body(), (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert segment(volume, model=tiny_bundle, threads=1).table[0].voxels == LIVER_VOXELS


def test_the_names_are_there_and_no_others():
    assert set(MISTKDSegmentLib.__all__) <= set(dir(MISTKDSegmentLib))
    with pytest.raises(AttributeError, match="no attribute 'segmentation'"):
        MISTKDSegmentLib.segmentation  # noqa: B018


@pytest.mark.parametrize("statement", ["import MISTKDSegmentLib", "from MISTKDSegmentLib import *"])
def test_importing_brings_no_arrays_and_no_network(statement):
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    assert not {"numpy", "SimpleITK", "onnxruntime", "rich", "PIL", "torch"} & set(done.stdout.split())


def test_where_the_front_door_is_not_packed_it_says_where_else_to_go(monkeypatch):
    monkeypatch.setitem(MISTKDSegmentLib._HOMES, "gone", "api.gone")
    with pytest.raises(ImportError, match="use MISTKDSegmentLogic"):
        MISTKDSegmentLib.gone  # noqa: B018
