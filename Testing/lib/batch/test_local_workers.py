"""Worker processes on this machine, killed while they work."""

import itertools
import multiprocessing
import os
import signal
from collections import deque
from pathlib import Path

import pytest

from MISTKDSegmentLib.batch import local_workers
from MISTKDSegmentLib.batch.case import Case, Settings
from MISTKDSegmentLib.batch.local_workers import default_workers, on_workers
from MISTKDSegmentLib.batch.outcome import Outcome
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.model.bundle import load_bundle
from Testing.lib.deadly_path import deadly
from Testing.lib.small_scans import write_volume

posix_only = pytest.mark.skipif(os.name != "posix", reason="kills processes by signal")


@pytest.fixture
def settings(tiny_bundle, tmp_path):
    return Settings(tmp_path / "out", tiny_bundle, load_bundle(tiny_bundle).description_sha256,
                    SegmentOptions(("liver",), threads=1), picture=False)


def outcomes(events):
    return {case.name: event for case, event in events if isinstance(event, Outcome)}


@posix_only
def test_a_killed_worker_costs_its_case_a_second_try_and_the_others_nothing(settings, tmp_path):
    cases = [Case(write_volume(tmp_path / f"{name}.nii.gz"), name) for name in "ac"]
    cases.insert(1, Case(deadly(write_volume(tmp_path / "b.nii.gz"), 1), "b"))
    found = outcomes(on_workers(cases, settings, 2))
    assert {name: (one.status, one.volumes_ml) for name, one in found.items()} == dict.fromkeys(
        "abc", ("done", {"liver": 3.84}))
    assert multiprocessing.active_children() == []


@posix_only
def test_a_case_whose_worker_died_is_tried_once_more_alone_when_the_others_are_over(settings, tmp_path):
    cases = [Case(deadly(write_volume(tmp_path / "a.nii.gz"), 1), "a"),
             *(Case(write_volume(tmp_path / f"{name}.nii.gz"), name) for name in "bcd")]
    told, beside = [], []
    for case, event in on_workers(cases, settings, 2):
        if isinstance(event, Outcome):
            told.append((case.name, event.status))
        elif case.name == "a":
            beside.append(len(multiprocessing.active_children()))
    assert sorted(told[:-1]) == [("a", "waiting"), ("b", "done"), ("c", "done"), ("d", "done")]
    assert told[-1] == ("a", "done")
    assert set(beside) == {1}


@posix_only
@pytest.mark.parametrize(("kills", "cause"), [
    ([0], "most likely for want of memory (exit code -9)"), (itertools.count(), "for want of memory")])
def test_a_case_that_kills_each_worker_fails_alone_and_tells_why(settings, tmp_path, monkeypatch, kills, cause):
    counts = itertools.cycle(kills)
    monkeypatch.setattr(local_workers, "memory_kills", lambda: next(counts))
    monkeypatch.setattr(local_workers, "usable_memory", lambda: 4_200_000_000)
    cases = [Case(deadly(write_volume(tmp_path / "a.nii.gz"), 9), "a"),
             Case(write_volume(tmp_path / "b.nii.gz"), "b")]
    found = outcomes(on_workers(cases, settings, 1))
    assert (found["a"].status, found["b"].status) == ("failed", "done")
    assert found["a"].error == (f"{tmp_path / 'a.nii.gz'} ended its worker process twice, also alone, {cause}: it "
                                "needs more than the 4.2 GB that there are; close other programs, crop it or give it "
                                "a larger machine.")


@posix_only
def test_a_worker_that_crashed_is_not_said_to_lack_memory(settings, tmp_path):
    case = Case(deadly(write_volume(tmp_path / "a.nii.gz"), 9, signal.SIGSEGV), "a")
    error = outcomes(on_workers([case], settings, 1))["a"].error
    assert "by a crash (exit code -11)" in error and "memory" not in error


class HungryPath(type(Path())):
    """Of a scan for which there is no memory until a file PATH.free is there."""

    def __fspath__(self):
        if not os.path.exists(f"{self}.free"):
            Path(f"{self}.free").touch()
            raise MemoryError
        return str(self)


def test_a_case_for_which_memory_was_short_is_tried_once_more_alone(settings, tmp_path):
    cases = [Case(HungryPath(write_volume(tmp_path / "a.nii.gz")), "a"),
             Case(write_volume(tmp_path / "b.nii.gz"), "b")]
    told = [(case.name, event.status) for case, event in on_workers(cases, settings, 1) if isinstance(event, Outcome)]
    assert told == [("a", "waiting"), ("b", "done"), ("a", "done")]


def test_there_are_no_more_workers_than_cases_and_than_windows_can_wait_for(settings, monkeypatch):
    begun = []

    class Idle:
        case = None

        def __init__(self, settings):
            begun.append(self)

        def give(self, case):
            self.case = case

    monkeypatch.setattr(local_workers, "_Worker", Idle)
    for cases, expected in ((3, 3), (100, 60)):
        begun.clear()
        waiting = deque(Case(None, str(number)) for number in range(cases))
        local_workers._hand_out(waiting, [], settings, 128)
        assert (len(begun), len(waiting)) == (expected, cases - expected)


def test_progress_comes_from_the_runner(settings, tmp_path):
    events = [event for _, event in on_workers([Case(write_volume(tmp_path / "a.nii.gz"), "a")], settings, 1)]
    progress = [event for event in events if isinstance(event, Progress)]
    assert (progress[0].slices_done, progress[-1].slices_done, progress[-1].slices_total) == (0, 8, 8)
    assert isinstance(events[-1], Outcome)


def test_closing_ends_all_workers(settings, tmp_path):
    cases = [Case(write_volume(tmp_path / f"{name}.nii.gz"), name) for name in "ab"]
    events = on_workers(cases, settings, 2)
    next(events)
    assert len(multiprocessing.active_children()) == 2
    events.close()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("cores", "gigabytes", "expected"), [
    (1, 64, 1), (8, 64, 4), (64, 16, 5), (16, 1, 1), (2, 4, 1), (8, None, 4)])
def test_there_are_as_many_workers_as_cores_and_memory_are_good_for(monkeypatch, cores, gigabytes, expected):
    monkeypatch.setattr(local_workers, "usable_cores", lambda: cores)
    monkeypatch.setattr(local_workers, "usable_memory", lambda: gigabytes and gigabytes << 30)
    assert default_workers() == expected
