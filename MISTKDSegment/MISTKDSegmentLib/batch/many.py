"""Many cases, one after the other or side by side: progress, summary, and no end before the last."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from typing import Union

from rich.console import Console
from rich.progress import TaskID

from MISTKDSegmentLib.batch.case import Case, Settings
from MISTKDSegmentLib.batch.outcome import DONE, FAILED, SKIPPED, Event, Outcome, finished
from MISTKDSegmentLib.batch.plan import SUMMARY_NAME, Plan
from MISTKDSegmentLib.batch.summary import Summary
from MISTKDSegmentLib.errors import InputError, OutputError, SegmentError
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.report.terminal import progress_bar

Spread = Callable[[Sequence[Case]], Generator[Event, None, None]]


class CasesFailed(SegmentError):
    """Some of many cases failed; the others are done."""

    exit_code = 6


def run_many(plan: Plan, settings: Settings, spread: Spread, messages: Console) -> Summary:
    """Run all cases that are not finished yet, and write the summary again and again.

    Args:
        plan: the cases.
        settings: what to do with them.
        spread: runs cases somewhere and tells how they fare, in any order.
        messages: for progress.

    Returns:
        The summary, written.

    Raises:
        InputError: there are no cases.
        CasesFailed: at least one failed.
        OutputError: the summary cannot be written.
    """
    for sentence in plan.left_out_sentences():
        messages.print(sentence)
    if not plan.cases:
        raise InputError("There is no CT among the inputs; pass volume files, DICOM folders or folders of them.")
    summary = Summary(settings.output / f"{SUMMARY_NAME}.csv", plan.cases, settings.options.organs or ())
    unfinished = _skip_finished(plan.cases, settings, summary, messages)
    messages.print(f"Scans: {len(plan.cases)}; finished earlier: {summary.count(SKIPPED)}.")
    summary.write()
    try:
        with _Board(messages, len(plan.cases), summary) as board, closing(spread(unfinished)) as events:
            for case, event in events:
                board.show(case, event)
    except BaseException:  # also when somebody stops it
        with suppress(OutputError):  # it would hide what ended the run
            summary.write()
        raise
    summary.write()
    failed = summary.count(FAILED)
    if failed:
        raise CasesFailed(f"{failed} of {len(plan.cases)} cases failed; {summary.path} says why, and the same command "
                          "tries them again.")
    return summary


def _skip_finished(cases: Sequence[Case], settings: Settings, summary: Summary, messages: Console) -> list[Case]:
    unfinished = []
    for case in cases:
        outcome = finished(case, settings)
        if outcome is None:
            unfinished.append(case)
        else:
            summary.put(case, outcome)
            if outcome.note:
                messages.print(f"{case.name}: {outcome.note}")
    return unfinished


class _Board:
    """Bars for the whole and for each case that runs, and a line for each that is over."""

    def __init__(self, messages: Console, total: int, summary: Summary) -> None:
        self._messages, self._total, self._summary = messages, total, summary
        self._bar = progress_bar(messages)
        self._running: dict[Case, TaskID] = {}

    def __enter__(self) -> _Board:
        self._bar.start()
        self._whole = self._bar.add_task("All", total=self._total, completed=self._over, unit="cases,")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @property
    def _over(self) -> int:
        return sum(self._summary.count(status) for status in (DONE, SKIPPED, FAILED))

    def show(self, case: Case, event: Union[Progress, Outcome]) -> None:
        if isinstance(event, Outcome):
            self._finish(case, event)
        else:
            self._advance(case, event)
        # A summary that is open in a spreadsheet may be locked; the next one gets through, or the last complains.
        with suppress(OutputError):
            self._summary.write_if_due()

    def _advance(self, case: Case, progress: Progress) -> None:
        if case not in self._running:
            self._running[case] = self._bar.add_task(case.name, total=None, unit="slices,")
        self._bar.update(self._running[case], completed=progress.slices_done, total=progress.slices_total)

    def _finish(self, case: Case, outcome: Outcome) -> None:
        if case in self._running:
            self._bar.remove_task(self._running.pop(case))
        self._summary.put(case, outcome)
        self._bar.update(self._whole, completed=self._over)
        result = f"done in {sum(outcome.seconds.values()):.1f} s" if outcome.status == DONE else outcome.error
        self._messages.print(" ".join([f"[{self._over}/{self._total}] {case.name}: {result}", *outcome.doubts]))
