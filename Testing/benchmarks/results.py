"""What was measured, and what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.bundle import Bundle
from Testing.benchmarks.growth import Growth
from Testing.benchmarks.many import ManyRun
from Testing.benchmarks.number_of_scans import OfNumber
from Testing.benchmarks.operators import Operators
from Testing.benchmarks.process import ArrayRun, CommandLine
from Testing.benchmarks.scans import LONG_SLICES
from Testing.benchmarks.start import Start


class Compared(NamedTuple):
    """One network beside the others.

    Attributes:
        name: for people.
        megabytes: of its file; None where it has none.
        gflops: operations for the scan, in 1e9; None where they are those of the row above.
        network_s: seconds of the network alone.
        whole_s: seconds from the array to its labels.
        note: what else there is to say.
    """

    name: str
    megabytes: float | None
    gflops: float | None
    network_s: float
    whole_s: float
    note: str = ""


class Beside(NamedTuple):
    """Another bundle, measured in turn with the one that ships.

    Attributes:
        name: with its version.
        pixel_mm: what its network sees.
        command_line, array, long: as in `Results`.
        network_s: seconds of the network alone.
    """

    name: str
    pixel_mm: float
    command_line: CommandLine
    array: ArrayRun
    long: ArrayRun
    network_s: float


class Bar(NamedTuple):
    """What was asked for and what was measured; `at_least` where more is better."""

    what: str
    asked: float
    measured: float
    unit: str
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.measured >= self.asked if self.at_least else self.measured <= self.asked


@dataclass(frozen=True)
class Results:
    """All that was measured.

    Attributes:
        volume: the standard scan.
        bundle: the model that ships.
        quick: whether the scan and the times of repetition are smaller than they should be.
        command_line: of the scan in a process of its own.
        array: from its array to labels in a process of its own.
        thin: the same with thin slices.
        long: the same with as many slices as `LONG_SLICES` says, of the standard thickness.
        serial_s: from the array to its labels, before the network's first batch and after its last.
        first_slice_s: to the first slice, once scan and model are ready.
        first_labels_s: from handing a scan to a waiting child process to its first labels.
        bundle_s: to load the model.
        stages: seconds per stage.
        matrix_gflops: what this computer reaches in products of matrices.
        network_gflops: what the network reaches, in the same run.
        start: of the program.
        operators: of the network.
        load: processes that wanted a core before it all began; None where the system does not tell.
        beside: another bundle.
        compared: the student first, then its teacher, then the network of TotalSegmentator, then smaller forms.
        growth: with slices, pixels and threads.
        many: runs over many scans, on a Dask cluster last.
        numbers: runs over ever more scans.
    """

    volume: Volume
    bundle: Bundle
    quick: bool
    command_line: CommandLine
    array: ArrayRun
    thin: ArrayRun
    long: ArrayRun
    serial_s: float
    first_slice_s: float
    first_labels_s: float
    bundle_s: float
    stages: Mapping[str, float]
    matrix_gflops: float
    network_gflops: float
    compared: Sequence[Compared]
    growth: Growth
    many: Sequence[ManyRun]
    numbers: Sequence[OfNumber]
    start: Start
    operators: Operators
    load: float | None = None
    beside: Beside | None = None

    @property
    def long_slices(self) -> int:
        return LONG_SLICES[self.quick]

    @property
    def of_peak(self) -> float:
        """The network's share of what products of matrices reach."""
        return self.network_gflops / self.matrix_gflops


def _long_bars(results: Results) -> list[Bar]:
    """Many slices: no more memory than the release beside, and no more time but for the larger network."""
    if results.beside is None:
        return []
    other = results.beside
    factor = results.array.seconds / other.array.seconds
    return [Bar(f"{results.long_slices:,} slices, as much longer than {other.name} as the standard scan takes",
                factor * other.long.seconds, results.long.seconds, "s"),
            Bar(f"Memory of that beyond the program with the scan, as {other.name} takes",
                other.long.peak_mb - other.long.before_mb, results.long.peak_mb - results.long.before_mb, "MB")]


def bars(results: Results) -> list[Bar]:
    """What was asked for, in the order of the page."""
    student, teacher, peer, *_ = results.compared
    return [
        Bar("Start of the process to `.seg.nrrd` on disk", 2.5, results.command_line.to_disk_s, "s"),
        Bar("Largest memory of that process", 500, results.command_line.peak_mb, "MB"),
        Bar("Array to labels", 1.2, results.array.seconds, "s"),
        Bar("The same with four times as many, thinner slices", 2.6 * results.array.seconds, results.thin.seconds,
            "s"),
        *_long_bars(results),
        Bar("Of array to labels, before the network's first batch and after its last", 0.2, results.serial_s, "s"),
        Bar("First slice, once scan and model are ready", 0.15, results.first_slice_s, "s"),
        Bar("First labels from a waiting child process of the module", 1.5, results.first_labels_s, "s"),
        Bar("Loading the model", 0.5, results.bundle_s, "s"),
        Bar("`mistkd segment --help`", 0.3, results.start.help_s, "s"),
        Bar("Network alone, share of what matrix products reach", 65, 100 * results.of_peak, "%", True),
        Bar("Times as fast as the network of TotalSegmentator's fast mode", 40, peer.whole_s / student.whole_s, "",
            True),
        Bar("Times as fast as its teacher", 6, teacher.whole_s / student.whole_s, "", True),
        Bar("Memory over many scans: largest in the last third of the time, of that in the first", 110,
            max(run.growth_percent for run in results.many), "%"),
        Bar("Of many scans lost or made twice, also where a Dask worker is killed", 0,
            sum(run.lost + run.twice for run in results.many), ""),
    ]
