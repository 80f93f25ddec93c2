"""One CSV file for many cases, brought up to date while they run; those to be looked at first stand first."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from MISTKDSegmentLib.batch.case import STAGES, Case
from MISTKDSegmentLib.batch.outcome import WAITING, Outcome
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.report.quality import GOOD

# The whole file is written each time: always at once, n cases would take n times n lines. Where that is quick, it is.
_MOST_OF_THE_TIME, _QUICK_S = 0.05, 0.05
_TRY_AGAIN_S = 1.0


class Summary:
    """The cases of a run and what became of them.

    Args:
        path: of the CSV file.
        cases: one line for each, in this order; where the model says how good its organs are, those with the worst
            organ come first.
        organs: one column for each.

    Attributes:
        path: of the CSV file.
    """

    def __init__(self, path: Path, cases: Sequence[Case], organs: Sequence[str]) -> None:
        self.path = path
        self._organs = organs
        self._statuses = dict.fromkeys(cases, WAITING)
        self._lines = {case: self._cells(case, Outcome(WAITING)) for case in cases}
        self._worst: dict[Case, float] = {}
        self._counts = Counter(self._statuses.values())
        self._is_written, self._due = False, -math.inf

    @property
    def columns(self) -> list[str]:
        """Seconds by stage and in all, millimetres along i, j and k, millilitres by organ."""
        return ["case", "input", "status", "error", *(f"{stage}_s" for stage in STAGES), "total_s", "slices",
                *(f"spacing_{axis}_mm" for axis in "ijk"), *(f"{organ}_ml" for organ in self._organs), "flags",
                "doubts", "worst_score", "look_at"]

    def put(self, case: Case, outcome: Outcome) -> None:
        """Note what became of a case."""
        self._counts[self._statuses[case]] -= 1
        self._counts[outcome.status] += 1
        self._statuses[case] = outcome.status
        self._is_written = False
        self._lines[case] = self._cells(case, outcome)
        self._worst[case] = min(outcome.scores.values(), default=math.inf)

    def count(self, status: str) -> int:
        """Number of cases of that status."""
        return self._counts[status]

    def write_if_due(self) -> None:
        """As `write`, if there is news; where writing takes long, after a pause: a twentieth of the time at most."""
        if not self._is_written and monotonic() >= self._due:
            self.write()

    def write(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        began = monotonic()
        self._is_written = False
        try:
            self._write()
            self._is_written = True
        finally:
            now = monotonic()
            pause = (now - began) / _MOST_OF_THE_TIME if now - began > _QUICK_S else 0.0
            self._due = now + (pause if self._is_written else max(pause, _TRY_AGAIN_S))

    def _write(self) -> None:
        # Not every file name is UTF-8.
        with atomic_path(self.path) as temporary, open(temporary, "w", newline="", encoding="utf-8",
                                                       errors="backslashreplace") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            # Sorting keeps the order of those that are alike.
            writer.writerows(self._lines[case] for case in
                             sorted(self._lines, key=lambda case: self._worst.get(case, math.inf)))

    def _cells(self, case: Case, outcome: Outcome) -> list[object]:
        seconds, volumes = outcome.seconds, outcome.volumes_ml
        total = f"{sum(seconds.values()):.2f}" if seconds else ""
        spacing = [f"{mm:.6g}" for mm in outcome.spacing_mm] or [""] * 3
        flags = [f"{organ}: {', '.join(found)}" for organ, found in outcome.flags.items()]
        beware = "; ".join([*flags, outcome.note] if outcome.note else flags)
        return [case.name, case.source, outcome.status, outcome.error,
                *(f"{seconds[stage]:.2f}" if stage in seconds else "" for stage in STAGES), total,
                outcome.slices or "", *spacing,
                *(f"{volumes[organ]:.2f}" if organ in volumes else "" for organ in self._organs), beware,
                " ".join(outcome.doubts), f"{min(outcome.scores.values()):.2f}" if outcome.scores else "",
                _look_at(outcome)]


def _look_at(outcome: Outcome) -> str:
    """The organs that are not good, worst first."""
    worst = sorted((score, organ) for organ, score in outcome.scores.items() if outcome.words[organ] != GOOD)
    return ", ".join(f"{organ} ({outcome.words[organ]} {score:.2f})" for score, organ in worst)
