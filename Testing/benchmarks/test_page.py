"""The page says what was measured and which bars are met."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("psutil")

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.benchmarks.growth import Growth
from Testing.benchmarks.many import ManyRun
from Testing.benchmarks.memory import Sample
from Testing.benchmarks.number_of_scans import OfNumber
from Testing.benchmarks.operators import Kind, Operators
from Testing.benchmarks.page import page
from Testing.benchmarks.process import ArrayRun, CommandLine
from Testing.benchmarks.results import Bar, Beside, Compared, Results, bars
from Testing.benchmarks.stages import NETWORK
from Testing.benchmarks.start import Start

OTHER = Beside("older 0.1", 2.0, CommandLine(7.5, 9.0, 400.0), ArrayRun(3.0, 90.0, 180.0), ArrayRun(30.0, 90.0, 440.0),
               1.5)


@pytest.fixture
def results(tiny_bundle) -> Results:
    volume = Volume(np.zeros((4, 5, 6), np.int16), (0.75, 0.75, 3.0), (0.0, 0.0, 0.0), np.eye(3))
    return Results(
        volume=volume, bundle=load_bundle(tiny_bundle), quick=False, command_line=CommandLine(6.5, 8.0, 450.0),
        array=ArrayRun(2.0, 100.0, 200.0), thin=ArrayRun(5.0, 400.0, 700.0),
        long=ArrayRun(16.0, 500.0, 900.0), serial_s=0.3, first_slice_s=0.05, first_labels_s=0.8, bundle_s=0.1,
        stages={"read": 1.0, NETWORK: 3.0}, matrix_gflops=200.0, network_gflops=50.0,
        compared=[Compared("Student", 6.8, 90.0, 1.0, 2.0), Compared("Teacher", 54.0, 500.0, 9.0, 10.0),
                  Compared("TotalSegmentator's fast mode", None, 3000.0, 70.0, 90.0, "Four patches.")],
        growth=Growth([(50, 1.0)], [(256, 1.5)], [(1, 4.0)]),
        many=[ManyRun("1 worker", 10, 36.0, {"done": 10}, 0, 0,
                      [Sample(1.0, 500.0), Sample(5.0, 510.0), Sample(9.0, 525.0)]),
              ManyRun("Dask", 10, 18.0, {"done": 8, "failed": 2}, 2, 1,
                      [Sample(1.0, 900.0), Sample(4.0, 890.0), Sample(9.0, 900.0)])],
        numbers=[OfNumber(10, 0.001, 2.0, 0.8, 0.002), OfNumber(1000, 0.1, 150.0, 1.5, 0.02)],
        start=Start(0.25, {"Python's own": 0.1}, {"Python's own": 0.2, "numpy": 0.15}),
        operators=Operators([Kind("convolution, 3 x 3", 0.004, 2e8, 1e6),
                             Kind("convolution, depthwise", 0.001, 1e6, 8e6)], 2, 1e11, 1e10))


@pytest.mark.parametrize(("bar", "met"), [(Bar("", 3, 3.0, "s"), True), (Bar("", 3, 3.1, "s"), False),
                                          (Bar("", 40, 39.0, "", True), False), (Bar("", 40, 40.0, "", True), True)])
def test_a_bar_is_met_from_the_right_side(bar, met):
    assert bar.is_met is met


def test_the_bars_compare_what_belongs_together(results):
    measured = [round(bar.measured, 2) for bar in bars(results)]
    assert measured == [6.5, 450.0, 2.0, 5.0, 0.3, 0.05, 0.8, 0.1, 0.25, 25.0, 45.0, 5.0, 105.0, 3]
    assert [bar.is_met for bar in bars(results)] == [False, True, False, True, False, True, True, True, True, False,
                                                     True, False, True, False]
    assert bars(results)[3].asked == 5.2


def test_many_slices_are_held_against_the_bundle_beside(results):
    results = dataclasses.replace(results, beside=OTHER)
    seconds, memory = bars(results)[4:6]
    # The standard scan takes two thirds of the other's 3 s, so 2,000 slices may take two thirds of its 30 s.
    assert (seconds.asked, seconds.measured, memory.asked, memory.measured) == (20.0, 16.0, 350.0, 400.0)


def test_the_page_shows_measurements_beside_what_was_asked_for(results):
    text = page(results)
    assert "| Start of the process to `.seg.nrrd` on disk | <= 2.5 s | 6.5 s | no |" in text
    assert "| Teacher | 54 | 500 | 9 | 10 | 5 x |" in text
    assert "| TotalSegmentator's fast mode |  | 3,000 | 70 | 90 | 45 x |" in text
    assert "TotalSegmentator's fast mode: Four patches." in text
    assert "| **waiting for the network** | 3.000 | 75% |" in text
    assert "25% of the 200 GFLOP/s" in text
    assert "6 x 5 x 4 voxels of 0.75 x 0.75 x 3 mm" in text and "tiny 1.0" in text


def test_longer_scans_stand_beside_the_standard_one(results):
    text = page(results)
    # 16 slices of 30 pixels, a byte for each
    assert "| 16 thin slices | 5 | 312 | 700 | 400 | 0.00048 |" in text
    assert "| 2,000 slices | 16 | 8 | 900 | 500 | 0.06 |" in text


def test_many_scans_have_a_section_of_their_own(results):
    _, _, text = page(results).partition("## Many scans")
    assert "over 10 made-up scans" in text and "many.png" in text
    assert "| 1 worker | 36 | 1,000 | 10 | 0 | 0 |" in text and "| Dask | 18 | 2,000 | 8 | 2 | 1 |" in text
    assert "| 1 worker | 500 | 510 | 525 | 105% |" in text
    assert "| 1,000 | 0.1 (0.1) | 150 (150) | 1.5 (1.5) | 0.02 (0.02) |" in text


def test_each_operator_stands_beside_the_limit_that_applies(results):
    text = page(results)
    assert "| convolution, 3 x 3 | 2 | 80% | 50 | 0.25 | computing | 50% |" in text
    assert "| convolution, depthwise | 0.5 | 20% | 1 | 8 | memory | 80% |" in text


def test_imports_of_help_and_of_a_run_stand_beside_each_other(results):
    assert "| Python's own | 0.1 | 0.2 |\n| numpy |  | 0.15 |" in page(results)


def test_another_bundle_stands_beside_the_one_that_ships(results):
    assert "## Beside" not in page(results)
    text = page(dataclasses.replace(results, beside=OTHER))
    assert "|  | tiny 1.0 | older 0.1 | times |" in text
    assert "| process to `.seg.nrrd`, s | 6.5 | 7.5 | 0.867 |" in text
    assert "| network alone, s | 1 | 1.5 | 0.667 |" in text


def test_a_busy_computer_is_told(results):
    assert "not quiet" not in page(dataclasses.replace(results, load=0.1))
    assert "not quiet: 2.0 processes" in page(dataclasses.replace(results, load=2.0))


def test_a_quick_run_says_that_it_proves_nothing(results):
    assert "say nothing of the bars" in page(dataclasses.replace(results, quick=True))
    assert "say nothing of the bars" not in page(results)
