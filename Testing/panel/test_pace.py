"""Time left: nothing before it is meaningful, then what the pace so far says."""

from __future__ import annotations

import pytest

from MISTKDSegmentLib.slicer.panel.pace import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def reach(pace: Pace, clock: Clock, *reports: tuple[float, int]) -> None:
    for clock.now, done in reports:
        pace.reached(done)


def test_nothing_is_said_before_two_reports_that_are_a_second_apart(clock):
    pace = Pace(clock)
    assert pace.seconds_left(10) is None
    reach(pace, clock, (100.0, 0), (130.0, 4))
    assert pace.seconds_left(10) is None
    reach(pace, clock, (130.5, 8))
    assert pace.seconds_left(10) is None


def test_the_time_up_to_the_first_slices_does_not_count(clock):
    pace = Pace(clock)
    reach(pace, clock, (100.0, 0), (160.0, 4), (162.0, 8))
    assert pace.seconds_left(28) == pytest.approx(10.0)


def test_it_runs_down_between_the_reports_and_never_below_zero(clock):
    pace = Pace(clock)
    reach(pace, clock, (100.0, 4), (102.0, 8))
    clock.now = 105.0
    assert pace.seconds_left(28) == pytest.approx(7.0)
    clock.now = 500.0
    assert pace.seconds_left(28) == 0.0


def test_a_count_that_stands_still_gives_no_answer(clock):
    pace = Pace(clock)
    reach(pace, clock, (100.0, 4), (110.0, 4))
    assert pace.seconds_left(28) is None
