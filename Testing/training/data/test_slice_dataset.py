"""Slices, their context, and the order in which they are drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from Training.data.prepared import PreparedCase
from Training.data.slice_dataset import BalancedSampler, CaseBatches, Draw, SliceDataset


def case(name: str, slices: int, rows: int, columns: int, *, labelled: bool = True) -> PreparedCase:
    """Slice k has grey value k + 1; slice 1 is organ 2."""
    image = np.arange(slices, dtype=np.uint8)[:, None, None].repeat(rows, 1).repeat(columns, 2) + 1
    labels = np.zeros_like(image)
    organs = np.zeros((slices, 3), bool)
    organs[:, 0] = True
    if labelled:
        labels[1], organs[1] = 2, [False, False, True]
    return PreparedCase(name, image, labels, organs, np.full(3, labelled), 1.5, 5.0)


def many(organs: list[int]) -> SliceDataset:
    """A data set with one organ (0 for none) in each slice of one case."""
    present = np.zeros((len(organs), max(organs) + 1), bool)
    present[np.arange(len(organs)), organs] = True
    empty = np.zeros((len(organs), 1, 1), np.uint8)
    return SliceDataset([PreparedCase("a", empty, empty, present, np.ones(max(organs) + 1, bool), 1.5, 5.0)], (0.0,))


def test_context_on_the_common_canvas():
    dataset = SliceDataset([case("a", 3, 4, 6), case("b", 2, 6, 4)], (-5.0, 0.0, 5.0))
    item = dataset[Draw(1, 7)]
    assert len(dataset) == 5 and item.image.shape == (3, 6, 6)
    assert item.image[:, 1:5].amin((1, 2)).tolist() == [1, 2, 3]
    assert not item.image[:, 0].any() and not item.image[:, 5].any()
    assert (item.labels[1:5] == 2).all()
    assert (item.place.item(), item.seed.item()) == (1, 7)


def test_lone_slice():
    lone = PreparedCase("a", np.full((1, 4, 4), 9, np.uint8), np.zeros((1, 4, 4), np.uint8), np.ones((1, 2), bool),
                np.ones(2, bool), 1.5, 5.0)
    assert SliceDataset([lone], (-5.0, 0.0, 5.0))[Draw(0, 0)].image.unique().tolist() == [9]


def test_places_are_named():
    dataset = SliceDataset([case("a", 3, 4, 6), case("b", 2, 6, 4)], (0.0,))
    assert [dataset.name(index) for index in range(5)] == ["a:0", "a:1", "a:2", "b:0", "b:1"]


def drawn(sampler: BalancedSampler, count: int) -> list[int]:
    return [sampler.draw(number).place for number in range(count)]


def test_rare_organs_are_drawn_as_often():
    indices = drawn(BalancedSampler(many([0] * 100 + [1] * 99 + [2]), 1, 1, seed=0), 4000)
    empty, rare = (np.isin(indices, where).mean() for where in (range(100), [199]))
    assert 0.07 < empty < 0.13
    assert 0.2 < rare < 0.27  # half of the organ-wise draws, and 1 % of the others


def test_unlabelled_share():
    dataset = SliceDataset([case("a", 3, 4, 4), case("u", 5, 4, 4, labelled=False)], (0.0,))
    indices = drawn(BalancedSampler(dataset, 1, 1, seed=0, unlabelled_share=0.25), 2000)
    assert 0.22 < np.isin(indices, range(3, 8)).mean() < 0.28
    assert not np.isin(drawn(BalancedSampler(dataset, 1, 1, seed=0), 500), range(3, 8)).any()


def test_order_depends_on_the_seed():
    dataset = many([1, 2, 0] * 10)
    short, long = BalancedSampler(dataset, 5, 4, seed=0), BalancedSampler(dataset, 10, 4, seed=0)
    short.set_epoch(1)
    assert list(long)[20:] == list(short)
    assert list(long) != list(BalancedSampler(dataset, 10, 4, seed=1))
    seeds = [draw.seed for draw in long]
    assert len(set(seeds)) == len(seeds) == len(long) == 40


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_batches(monkeypatch, processes):
    dataset = many([1, 2, 0] * 10)
    alone = list(BalancedSampler(dataset, 3, 8, seed=0))
    shares = []
    monkeypatch.setattr("Training.data.slice_dataset.process_count", lambda: processes)
    for rank in range(processes):
        monkeypatch.setattr("Training.data.slice_dataset.process_rank", lambda rank=rank: rank)
        sampler = BalancedSampler(dataset, 3, 8, seed=0)
        shares.append(list(sampler))
        assert len(shares[-1]) == len(sampler) == 24 // processes
    size = 8 // processes
    together = [draw for batch in range(3) for share in shares for draw in share[batch * size : (batch + 1) * size]]
    assert together == alone


def test_each_slice_is_validated_once(monkeypatch):
    dataset = many([0] * 7)
    monkeypatch.setattr("Training.data.slice_dataset.process_count", lambda: 2)
    seen = Counter()
    for rank in range(2):
        monkeypatch.setattr("Training.data.slice_dataset.process_rank", lambda rank=rank: rank)
        batches = CaseBatches(dataset, 2)
        assert len(list(batches)) == len(batches) == 2
        seen.update(draw.place for batch in batches for draw in batch)
    assert seen == dict.fromkeys(range(7), 1)


def test_validation_has_its_own_air():
    dataset = SliceDataset([case("a", 3, 4, 6), case("b", 2, 6, 4)], (0.0,), common_canvas=False)
    batches = [[dataset[draw].image.shape for draw in batch] for batch in CaseBatches(dataset, 2)]
    assert batches == [[(1, 4, 6)] * 2, [(1, 4, 6)], [(1, 6, 4)] * 2]
