"""Times add up where they belong."""

from __future__ import annotations

from types import SimpleNamespace

from Testing.benchmarks import clock
from Testing.benchmarks.clock import StageClock, best


def ticking(monkeypatch, *seconds: float) -> None:
    monkeypatch.setattr(clock.time, "perf_counter", iter(seconds).__next__)


def test_the_fastest_run_counts(monkeypatch):
    ticking(monkeypatch, 0.0, 5.0, 10.0, 12.0, 20.0, 23.0)
    results = iter("abc")
    assert best(lambda: next(results), 3) == (2.0, "b")


def test_calls_add_up_per_stage_and_only_within_the_block(monkeypatch):
    ticking(monkeypatch, 0.0, 1.0, 1.0, 3.0, 3.0, 7.0)
    module = SimpleNamespace(read=lambda: "voxels", run=lambda pixels, *, scale: pixels * scale)
    watch = StageClock()
    with watch.watching([(module, "read", "input"), (module, "run", "network")]):
        assert module.run(2, scale=3) == 6
        assert module.read() == "voxels"
        module.run(1, scale=1)
    module.read()
    assert watch.seconds == {"network": 5.0, "input": 2.0}
