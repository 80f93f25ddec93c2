"""Pictures of a run: which slices are shown, in which colours, and curves over all its starts."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.training.prepared_data import ORGANS, write_prepared
from Training.data.prepared import IGNORE, load_cases
from Training.data.slice_dataset import SliceDataset
from Training.evaluation.pictures import OPACITY, coloured, curve_figure, example_figure, read_curves, telling_slices


def test_slice_with_most_organs(tmp_path):
    cases = load_cases([write_prepared(tmp_path / "p")], ["a", "b"])
    dataset = SliceDataset(cases, (0.0,))
    assert [dataset.name(place) for place in telling_slices(dataset)] == ["a:1", "b:1"]


def test_colours_over_grey():
    pixels = np.array([[0.0, 1.0, 0.5, 0.25]])
    picture = coloured(pixels, np.array([[1, 0, IGNORE, 2]]), ORGANS)
    liver, spleen = (np.asarray(organ.color) / 255 for organ in ORGANS)
    assert picture[0, 0] == pytest.approx(liver * OPACITY)
    assert picture[0, 1] == pytest.approx(1.0) and picture[0, 2] == pytest.approx(0.5)
    assert picture[0, 3] == pytest.approx(0.25 * (1 - OPACITY) + spleen * OPACITY)


def test_reference_above_prediction():
    empty = np.zeros((3, 8, 8), int)
    figure = example_figure(np.zeros((3, 8, 8)), empty, empty + 1, ["a:1", "b:2", "c:3"], ORGANS)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["a:1", "b:2", "c:3"]
    assert [figure.axes[index].get_ylabel() for index in (0, 3)] == ["reference", "prediction"]
    assert figure.axes[0].images[0].get_array().sum() == 0 < figure.axes[3].images[0].get_array().sum()


def test_name_of_the_upper_row():
    empty = np.zeros((1, 8, 8), int)
    figure = example_figure(np.zeros((1, 8, 8)), empty, empty, ["a:1"], ORGANS, "another program")
    assert [axes.get_ylabel() for axes in figure.axes] == ["another program", "prediction"]


def write_metrics(folder, version: int, lines: list[str]) -> None:
    path = folder / "log" / f"version_{version}" / "metrics.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(["dice,epoch,loss,step", *lines]) + "\n")


def test_curves_over_all_starts(tmp_path):
    assert read_curves(tmp_path) == {}
    write_metrics(tmp_path, 0, [",0,3.0,0", ",0,2.0,1", "0.5,0,,1", ",1,9.0,2"])
    write_metrics(tmp_path, 10, [",1,1.0,2"])
    write_metrics(tmp_path, 9, [",1,8.0,2"])
    assert read_curves(tmp_path) == {"loss": [(1, 3.0), (2, 2.0), (3, 1.0)], "dice": [(2, 0.5)]}


def test_losses_are_drawn_beside_dice():
    figure = curve_figure({"loss": [(0, 1.0)], "sequence": [(0, 0.5)], "lr-AdamW": [(0, 1e-3)],
                           "dice": [(0, 0.1)], "dice_left_kidney": [(0, 0.2)], "dice_liver": [(0, 0.3)]}, ORGANS)
    names = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    assert names == [["loss", "sequence"], ["dice", "left kidney", "liver"]]
    assert figure.axes[1].lines[2].get_color() == pytest.approx(np.asarray(ORGANS[0].color) / 255)


def test_a_lone_validation_can_be_seen():
    figure = curve_figure({"loss": [(1, 1.0), (2, 0.5)], "dice": [(2, 0.8)]})
    assert [axes.lines[0].get_marker() for axes in figure.axes] == ["None", "o"]


def test_losses_alone():
    figure = curve_figure({"loss": [(0, 1.0)], "lr-AdamW": [(0, 1e-3)]})
    assert [axes.get_title() for axes in figure.axes] == ["Loss"]
