"""How far a run is and how long it will take: first as expected, then as it goes."""

from __future__ import annotations

import pytest

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def module(quiet_host):
    from MISTKDSegmentLib.slicer.panel import forecast

    return forecast


@pytest.fixture
def forecast(module, clock):
    """2 s to start, 0.1 s for each of 80 slices, 1 s at the end: 11 s."""
    return module.Forecast(module.Habits(2.0, 0.1, 1.0), 80, clock=clock)


def test_from_the_first_moment_there_is_an_estimate(forecast, clock):
    assert forecast.seconds_left == pytest.approx(11.0)
    assert forecast.fraction == 0.0
    clock.now += 1.1
    assert forecast.seconds_left == pytest.approx(9.9)
    assert forecast.fraction == pytest.approx(0.1)


def test_a_slow_start_leaves_the_slices_to_come(forecast, clock):
    clock.now += 30.0
    assert forecast.seconds_left == pytest.approx(8.0)


def test_slices_that_take_longer_than_expected_count_more_and_more(forecast, clock):
    clock.now += 2.0
    forecast.reached(8, 80)
    assert forecast.seconds_left == pytest.approx(72 * 0.1 + 1.0)
    clock.now += 1.6  # 0.2 s for each of 8
    forecast.reached(16, 80)
    assert forecast.seconds_left == pytest.approx(64 * 0.15 + 1.0)  # as many as the estimate counts for
    clock.now += 8.0
    forecast.reached(56, 80)
    assert 24 * 0.18 + 1.0 < forecast.seconds_left < 24 * 0.2 + 1.0


def test_the_time_runs_down_between_reports_and_never_below_zero(forecast, clock):
    clock.now += 2.0
    forecast.reached(40, 80)
    clock.now += 1.0
    assert forecast.seconds_left == pytest.approx(40 * 0.1 + 1.0 - 1.0)
    clock.now += 500.0
    assert forecast.seconds_left == 0.0


def test_what_is_over_goes_with_the_slices_however_long_they_take(forecast, clock):
    clock.now += 60.0
    assert forecast.fraction == pytest.approx(2 / 11)
    forecast.reached(20, 80)
    assert forecast.fraction == pytest.approx((2 + 2) / 11)
    clock.now += 60.0
    forecast.reached(80, 80)
    assert forecast.fraction == pytest.approx(10 / 11)
    clock.now += 0.5
    assert forecast.fraction == pytest.approx(10.5 / 11)


def test_what_is_over_never_shrinks_and_is_never_all(forecast, clock):
    clock.now += 2.0
    before = forecast.fraction
    forecast.reached(0, 800)
    assert forecast.fraction == before
    forecast.reached(800, 800)
    clock.now += 500.0
    assert forecast.fraction == 0.99


def test_slices_that_are_interpolated_cost_nothing(module, clock):
    forecast = module.Forecast(module.Habits(2.0, 0.1, 1.0), 80, share=0.25, clock=clock)
    assert forecast.seconds_left == pytest.approx(2.0 + 80 * 0.1 / 4 + 1.0)


def test_a_region_makes_it_shorter_once_it_is_known(forecast, clock):
    clock.now += 2.0
    forecast.reached(0, 20)
    assert forecast.seconds_left == pytest.approx(20 * 0.1 + 1.0)


def test_a_run_changes_the_habits_by_half(module, forecast, clock):
    clock.now += 4.0
    forecast.reached(8, 80)
    clock.now += 14.4
    forecast.reached(80, 80)
    clock.now += 3.0
    habits = forecast.habits()
    assert habits.start_s == pytest.approx((2.0 + 4.0) / 2)
    assert 0.1 < habits.slice_s < 0.15
    assert habits.end_s == pytest.approx((1.0 + 3.0) / 2)


def test_a_run_without_a_slice_changes_no_habit(module, forecast):
    assert forecast.habits() == module.Habits(2.0, 0.1, 1.0)


def test_habits_are_kept_for_each_model(module):
    module.keep_habits("tiny 1", module.Habits(1.0, 0.5, 2.0))
    module.keep_habits("large", module.Habits(9.0, 0.9, 3.0))
    assert module.load_habits("tiny 1") == module.Habits(1.0, 0.5, 2.0)
    assert module.load_habits("never seen") == module.Habits()


@pytest.mark.parametrize("kept", ["", "no json", "[1]", '{"tiny": 3}', '{"tiny": {"start_s": "soon"}}',
                                  '{"tiny": {"start_s": -1.0}}', '{"tiny": {"start_s": NaN}}', '{"tiny": {"x": 1}}'])
def test_settings_that_make_no_sense_are_passed_over(module, kept):
    import slicer

    slicer.app.userSettings().setValue("MISTKDSegment/habits", kept)
    assert module.load_habits("tiny") == module.Habits()
