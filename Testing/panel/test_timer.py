"""Timers: how often they call, and that they may be stopped and forgotten inside their own call."""

from __future__ import annotations

import gc
import time

import pytest

from Testing.host import open_host
from Testing.panel.children import idle


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


@pytest.fixture
def timers(host) -> dict:
    from MISTKDSegmentLib.slicer.panel.timer import Timer

    return {"make": Timer}


def test_it_calls_again_and_again_until_it_is_stopped(host, timers):
    calls = []
    timer = timers["make"](1, lambda: calls.append(1))
    host.pump(until=lambda: len(calls) >= 3)
    timer.stop()
    timer.stop()
    counted = len(calls)
    idle(host, 0.05)
    assert len(calls) == counted


def test_once_is_once(host, timers):
    calls = []
    timers["make"](0, lambda: calls.append(1), once=True)
    host.pump(until=lambda: calls)
    idle(host, 0.05)
    assert calls == [1]


def test_it_may_be_stopped_and_forgotten_inside_its_own_call(host, timers):
    calls = []

    def forget() -> None:
        calls.append(1)
        timers.pop("timer").stop()
        gc.collect()

    timers["timer"] = timers["make"](1, forget)
    host.pump(until=lambda: calls)
    idle(host, 0.05)
    assert calls == [1]


@pytest.fixture
def later(host):
    from MISTKDSegmentLib.slicer.panel.timer import Later

    calls = []
    later = Later(50, lambda: calls.append(time.monotonic()))
    later.calls = calls
    yield later
    later.forget()


def test_later_calls_once_after_the_last_time_that_it_was_asked(host, later):
    begun = time.monotonic()
    later.ask()
    idle(host, 0.03)
    later.ask()
    assert later.isDue
    host.pump(until=lambda: later.calls)
    assert later.calls[0] - begun > 0.075
    idle(host, 0.1)
    assert len(later.calls) == 1 and not later.isDue


def test_later_can_be_forgotten_and_asked_again_from_its_own_call(host, later):
    later.ask()
    later.forget()
    later.forget()
    idle(host, 0.1)
    assert later.calls == []
    later._call = lambda: (later.calls.append(1), len(later.calls) < 3 and later.ask(0))
    later.ask(0)
    host.pump(until=lambda: len(later.calls) == 3)
