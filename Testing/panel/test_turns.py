"""Long work in short turns: the event loop goes on between them."""

from __future__ import annotations

import pytest

from Testing.host import open_host
from Testing.panel.children import idle


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


class Work:
    """Steps that write down what happens."""

    def __init__(self, count: int = 5, error: Exception | None = None) -> None:
        self.count, self.error, self.steps, self.ends, self.errors, self.closed = count, error, 0, [], [], 0

    def __call__(self):
        try:
            for _ in range(self.count):
                self.steps += 1
                yield
            if self.error:
                raise self.error
            return "all of it"
        finally:
            self.closed += 1

    def start(self):
        from MISTKDSegmentLib.slicer.panel.turns import Turns

        return Turns(self(), self.ends.append, self.errors.append)


def test_all_steps_are_taken_and_the_end_told_once(host):
    work = Work()
    work.start()
    assert work.steps == 0
    host.pump(until=lambda: work.ends)
    idle(host, 0.05)
    assert (work.steps, work.ends, work.errors, work.closed) == (5, ["all of it"], [], 1)


def test_long_steps_get_a_turn_each(host):
    import time

    from MISTKDSegmentLib.slicer.panel.timer import Timer

    class Slow(Work):
        def __call__(self):
            for _ in super().__call__():
                time.sleep(0.04)
                yield

    work, others = Slow(), []
    timer = Timer(0, lambda: others.append(work.steps))
    work.start()
    host.pump(until=lambda: work.ends)
    timer.stop()
    assert {1, 2, 3, 4} <= set(others)


def test_an_error_is_told_and_ends_it(host):
    error = ValueError("no room")
    work = Work(error=error)
    work.start()
    host.pump(until=lambda: work.errors)
    assert (work.ends, work.errors, work.closed) == ([], [error], 1)


def test_no_step_is_taken_after_stop(host):
    work = Work()
    turns = work.start()
    turns.stop()
    turns.stop()
    idle(host, 0.05)
    assert (work.steps, work.ends) == (0, [])


def test_it_may_be_stopped_by_its_own_step(host):
    work = Work()

    class Stopping(Work):
        def __call__(self):
            for _ in super().__call__():
                if self.steps == 3:
                    turns.stop()
                yield

    work = Stopping()
    turns = work.start()
    idle(host, 0.1)
    assert (work.steps, work.ends, work.errors) == (3, [], [])
