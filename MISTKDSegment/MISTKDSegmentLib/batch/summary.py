"""One CSV file for many cases, rewritten whenever one is over."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from MISTKDSegmentLib.batch.case import STAGES, Case
from MISTKDSegmentLib.batch.outcome import WAITING, Outcome
from MISTKDSegmentLib.io.atomic import atomic_path


class Summary:
    """The cases of a run and what became of them.

    Args:
        path: of the CSV file.
        cases: one line for each, in this order.
        organs: one column for each.

    Attributes:
        path: of the CSV file.
    """

    def __init__(self, path: Path, cases: Sequence[Case], organs: Sequence[str]) -> None:
        self.path = path
        self._organs = organs
        self._statuses = dict.fromkeys(cases, WAITING)
        self._lines = {case: self._cells(case, Outcome(WAITING)) for case in cases}

    @property
    def columns(self) -> list[str]:
        """Seconds by stage and in all, millimetres along i, j and k, millilitres by organ."""
        return ["case", "input", "status", "error", *(f"{stage}_s" for stage in STAGES), "total_s", "slices",
                *(f"spacing_{axis}_mm" for axis in "ijk"), *(f"{organ}_ml" for organ in self._organs), "flags",
                "doubts"]

    def put(self, case: Case, outcome: Outcome) -> None:
        """Note what became of a case."""
        self._statuses[case] = outcome.status
        self._lines[case] = self._cells(case, outcome)

    def count(self, status: str) -> int:
        """Number of cases of that status."""
        return Counter(self._statuses.values())[status]

    def write(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        # Not every file name is UTF-8.
        with atomic_path(self.path) as temporary, open(temporary, "w", newline="", encoding="utf-8",
                                                       errors="backslashreplace") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows(self._lines.values())

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
                " ".join(outcome.doubts)]
