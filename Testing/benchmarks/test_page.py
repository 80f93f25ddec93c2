"""The page says what was measured and which bars are met."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.benchmarks.growth import Growth
from Testing.benchmarks.page import Bar, Compared, Results, bars, page
from Testing.benchmarks.process import ArrayRun, CommandLine
from Testing.benchmarks.stages import NETWORK


@pytest.fixture
def results(tiny_bundle) -> Results:
    volume = Volume(np.zeros((4, 5, 6), np.int16), (0.75, 0.75, 3.0), (0.0, 0.0, 0.0), np.eye(3))
    return Results(
        volume=volume, bundle=load_bundle(tiny_bundle), quick=False, command_line=CommandLine(6.5, 8.0, 450.0),
        array=ArrayRun(2.0, 100.0, 200.0), thin=ArrayRun(5.0, 400.0, 700.0), first_slice_s=0.05, bundle_s=0.1,
        stages={"read": 1.0, NETWORK: 3.0}, matrix_gflops=200.0, network_gflops=50.0,
        compared=[Compared("Student", 6.8, 90.0, 1.0, 2.0), Compared("Teacher", 54.0, 500.0, 9.0, 10.0),
                  Compared("TotalSegmentator's fast mode", None, 3000.0, 70.0, 90.0, "Four patches.")],
        growth=Growth([(50, 1.0)], [(256, 1.5)], [(1, 4.0)]))


@pytest.mark.parametrize(("bar", "met"), [(Bar("", 3, 3.0, "s"), True), (Bar("", 3, 3.1, "s"), False),
                                          (Bar("", 40, 39.0, "", True), False), (Bar("", 40, 40.0, "", True), True)])
def test_a_bar_is_met_from_the_right_side(bar, met):
    assert bar.is_met is met


def test_the_bars_compare_what_belongs_together(results):
    measured = [round(bar.measured, 2) for bar in bars(results)]
    assert measured == [6.5, 450.0, 2.0, 5.0, 0.05, 0.1, 45.0, 5.0]
    assert [bar.is_met for bar in bars(results)] == [False, True, True, True, True, True, True, False]
    assert bars(results)[3].asked == 6.0


def test_the_page_shows_measurements_beside_what_was_asked_for(results):
    text = page(results)
    assert "| Start of the process to `.seg.nrrd` on disk | <= 6 s | 6.5 s | no |" in text
    assert "| Teacher | 54 | 500 | 9 | 10 | 5 x |" in text
    assert "| TotalSegmentator's fast mode |  | 3,000 | 70 | 90 | 45 x |" in text
    assert "TotalSegmentator's fast mode: Four patches." in text
    assert "| **waiting for the network** | 3.000 | 75% |" in text
    assert "25% of the 200 GFLOP/s" in text
    assert "6 x 5 x 4 voxels of 0.75 x 0.75 x 3 mm" in text and "tiny 1.0" in text


def test_a_quick_run_says_that_it_proves_nothing(results):
    assert "say nothing of the bars" in page(dataclasses.replace(results, quick=True))
    assert "say nothing of the bars" not in page(results)
