"""Slices and the order in which they are drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from Training.data import BalancedSampler, Case, SliceDataset, load_cases, read_manifest


def case(name: str, slices: int, rows: int, columns: int) -> Case:
    image = np.arange(slices, dtype=np.uint8)[:, None, None].repeat(rows, 1).repeat(columns, 2) + 1
    labels = np.zeros_like(image)
    labels[1] = 2
    return Case(name, image, labels, 1.5, 5.0)


def test_a_slice_comes_with_its_context_centred_on_the_common_canvas():
    dataset = SliceDataset([case("a", 3, 4, 6), case("b", 2, 6, 4)], (-5.0, 0.0, 5.0))
    image, labels = dataset[1]
    assert len(dataset) == 5 and image.shape == (3, 6, 6)
    assert image[:, 1:5].amin((1, 2)).tolist() == [1, 2, 3]
    assert not image[:, 0].any() and not image[:, 5].any()
    assert (labels[1:5] == 2).all()


def test_organs_are_listed_per_slice():
    dataset = SliceDataset([case("a", 3, 4, 6)], (0.0,))
    assert [organs.tolist() for organs in dataset.organs_per_slice()] == [[], [2], []]


def test_rare_organs_are_drawn_as_often_as_common_ones():
    organs = [np.array([])] * 100 + [np.array([1])] * 99 + [np.array([2])]
    drawn = list(BalancedSampler(organs, 4000, seed=0))
    empty, rare = (np.isin(drawn, where).mean() for where in (range(100), [199]))
    assert 0.07 < empty < 0.13
    assert 0.2 < rare < 0.27  # half of the organ-wise draws, and 1 % of the others


def test_the_order_depends_on_seed_and_epoch_alone():
    organs = [np.array([1]), np.array([2]), np.array([])] * 10

    def order(seed: int, epoch: int) -> list[int]:
        sampler = BalancedSampler(organs, 50, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2) and order(0, 1) != order(1, 1)


def test_a_folder_without_manifest_is_named(tmp_path):
    with pytest.raises(InputError, match=r"manifest\.json cannot be read.*prepare\.py"):
        read_manifest(tmp_path)


def test_a_file_that_is_not_the_described_one_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", image=np.zeros((1, 2, 2), np.uint8), labels=np.zeros((1, 2, 2), np.uint8))
    entry = {"name": "a", "slices": 1, "slice_spacing_mm": 5.0, "sha256": "0" * 64, "voxels": {}}
    (tmp_path / "manifest.json").write_text(json.dumps({"pixel_spacing_mm": 1.5, "cases": [entry]}))
    with pytest.raises(InputError, match=r"a\.npz is not the file that the manifest describes"):
        load_cases(tmp_path, ["a"])
    with pytest.raises(InputError, match="no case b: it holds a"):
        load_cases(tmp_path, ["b"])
