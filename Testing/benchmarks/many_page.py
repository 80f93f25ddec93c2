"""What the page shows of many scans: two tables and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from MISTKDSegmentLib.batch.outcome import DONE
from Testing.benchmarks.growth import COLOR
from Testing.benchmarks.many import MIX, ManyRun
from Testing.benchmarks.markdown import number, table
from Testing.benchmarks.memory import largest_by_third
from Testing.benchmarks.number_of_scans import OfNumber

PICTURE = "many.png"
COLORS = (COLOR, "#c2571a", "#2f8f5b", "#7a4fa3")
STEPS = ("listing", "running", "resuming", "summary")


def many_section(runs: Sequence[ManyRun], numbers: Sequence[OfNumber], quick: bool) -> list[str]:
    """The section in Markdown."""
    mix = ", ".join(f"{count} of {pixels} x {pixels} x {slices}" for pixels, slices, count in MIX[quick])
    killed = runs[-1]
    return [
        "## Many scans", "", f"`mistkd segment FOLDER` over {killed.scans} made-up scans of mixed sizes: {mix}. Times "
        "are those of the command, from its start to its end. Lost is a scan without a result, and twice one that was "
        "written again after it was over. The killed worker dies when half of the scans are over. Dask's workers are "
        "started before, the others by the command. The scans of one size are one file under several names, so that "
        "they come from memory after the first.", "",
        *table(("", "s", "scans an hour", "done", "lost", "twice"), map(_run_row, runs)), "",
        "Largest memory of the command and its workers together in each third of the time; what they share is counted "
        "in each of them.", "",
        *table(("", "first third, MB", "second, MB", "last, MB", "last, of the first"), map(_memory_row, runs)), "",
        f"![Memory over time, and seconds over the number of scans]({PICTURE})", "",
        "Small scans, on two workers and without pictures: seconds in all, and milliseconds a scan in brackets. "
        "Resuming is the same command again, which lists and checks what is finished. The summary is written once "
        "here, and in a run whenever a scan is over, or so often that it takes a twentieth of the time.", "",
        *table(("scans", *STEPS), map(_number_row, numbers)), ""]


def _run_row(run: ManyRun) -> list[str]:
    return [run.name, number(run.seconds), number(run.per_hour), *(
        f"{count:,}" for count in (run.statuses.get(DONE, 0), run.lost, run.twice))]


def _memory_row(run: ManyRun) -> list[str]:
    return [run.name, *map(number, largest_by_third(run.memory)), f"{run.growth_percent:.0f}%"]


def _number_row(one: OfNumber) -> list[str]:
    return [f"{one.scans:,}", *(f"{number(seconds)} ({number(1000 * seconds / one.scans)})" for seconds in one[1:])]


def draw_many(runs: Sequence[ManyRun], numbers: Sequence[OfNumber], path: Path) -> None:
    """Write memory over time, and seconds over the number of scans, as a picture."""
    figure = Figure(figsize=(9.0, 2.9), dpi=80, layout="constrained")
    memory, growth = figure.subplots(1, 2)
    for run, color in zip(runs, COLORS):
        seconds, megabytes = zip(*run.memory)
        memory.plot(seconds, megabytes, color=color, linewidth=1, label=run.name.partition(",")[0])
    memory.set(xlabel="s", ylabel="memory, MB", ylim=(0, None))
    for place, (step, color) in enumerate(zip(STEPS, COLORS), start=1):
        growth.loglog([one.scans for one in numbers], [one[place] for one in numbers], "o-", color=color,
                      linewidth=1.5, markersize=4, label=step)
    growth.set(xlabel="scans", ylabel="s")
    for axis in (memory, growth):
        axis.grid(color="#dddddd")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(fontsize=8, frameon=False)
    figure.savefig(path)
