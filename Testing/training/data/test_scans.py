"""Data sets of any layout: found out from the folder, opened, and their scans chosen by name."""


import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Testing.training import raw_data
from Testing.training.made_up_scans import MadeUpScan
from Training.data.layouts.registry import LAYOUTS, find_layout, open_dataset
from Training.data.scans import select_scans


def test_every_layout_has_a_module(tmp_path):
    assert [find_layout(tmp_path, name).NAME for name in LAYOUTS] == list(LAYOUTS)


@pytest.mark.parametrize(
    ("write", "layout"),
    [(lambda folder: raw_data.nnunet(folder, "a"), "nnunet"), (raw_data.btcv, "btcv"),
     (raw_data.transunet, "transunet"),
     (lambda folder: raw_data.totalsegmentator(folder, "s0001"), "totalsegmentator"),
     (lambda folder: raw_data.write(folder / "a.nii.gz", raw_data.body()), "scans")],
)
def test_the_layout_is_found_out(tmp_path, write, layout):
    write(tmp_path)
    dataset = open_dataset(tmp_path, ABDOMEN_LABELS)
    assert dataset.layout == layout
    (scan,) = dataset.scans.values()
    volume = scan.read_volume()
    assert volume.voxels.shape == raw_data.SHAPE
    expected = raw_data.reference({} if layout == "scans" else raw_data.ours())
    np.testing.assert_array_equal(scan.read_reference(volume), expected)
    assert scan.annotated == (() if layout == "scans" else tuple(raw_data.NAMES))


def test_two_layouts_are_refused(tmp_path):
    raw_data.btcv(raw_data.nnunet(tmp_path, "a"))
    with pytest.raises(InputError, match=r"could be any of nnunet, btcv; say which"):
        open_dataset(tmp_path, ABDOMEN_LABELS)
    assert list(open_dataset(tmp_path, ABDOMEN_LABELS, layout="btcv").scans) == ["case0001"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [("empty", {}, "no data set of a known layout; .*\n  nnunet: .*\n  btcv: "), ("none", {}, "is no folder"),
     ("empty", {"layout": "zip"}, "zip is no layout; name one of nnunet, btcv"),
     ("empty", {"layout": "nnunet"}, "dataset.json cannot be read"),
     ("empty", {"layout": "scans"}, "has no scans"), ("empty", {"layout": "btcv"}, "has no scans"),
     ("raw", {"spacing": "x.yaml"}, "whose files tell the spacing; leave x.yaml out")],
)
def test_no_data_set_is_refused(tmp_path, name, options, message):
    (tmp_path / "empty").mkdir()
    raw_data.nnunet(tmp_path / "raw", "a")
    with pytest.raises(InputError, match=message):
        open_dataset(tmp_path / name, ABDOMEN_LABELS, **options)


def test_order_of_naming(tmp_path):
    dataset = open_dataset(raw_data.nnunet(tmp_path, "a", "b", "c"), ABDOMEN_LABELS)
    assert [scan.name for scan in select_scans(dataset, ["c", "a", "c"])] == ["c", "a"]
    assert [scan.name for scan in select_scans(dataset, None)] == ["a", "b", "c"]
    with pytest.raises(InputError, match="has no case d; it has a, b, c: correct the name, or leave it out"):
        select_scans(dataset, ["a", "d"])
    with pytest.raises(InputError, match="name at least one"):
        select_scans(dataset, [])


def test_missing_file_is_named(tmp_path):
    (tmp_path / "there").write_bytes(bytes(3000))
    scan = MadeUpScan(name="a", files=(tmp_path / "there",))
    scan.check()
    assert scan.size_mb == 0.003
    with pytest.raises(InputError, match=r"gone cannot be read .* leave a out"):
        MadeUpScan(name="a", files=(tmp_path / "there", tmp_path / "gone")).check()


def test_scan_says_itself_why():
    class Refused(MadeUpScan):
        def check_layout(self):
            raise InputError("no.")
    with pytest.raises(InputError, match=r"no\."):
        Refused(name="a").check()
