"""Command line `mistkd-segment`: CTs in; for each a segmentation, a table of its organs and a picture out."""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Optional, Union

from rich.console import Console

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.batch.case import FORMATS, Case, Settings, ensure_writable, run_case
from MISTKDSegmentLib.batch.dask_workers import on_cluster
from MISTKDSegmentLib.batch.local_workers import default_workers, on_workers
from MISTKDSegmentLib.batch.many import Spread, run_many
from MISTKDSegmentLib.batch.outcome import DONE, SKIPPED
from MISTKDSegmentLib.batch.plan import Plan, make_plan
from MISTKDSegmentLib.cli.extras import require
from MISTKDSegmentLib.cli.streams import Stream, occupy_descriptors
from MISTKDSegmentLib.errors import BundleError, SegmentError
from MISTKDSegmentLib.geometry.orientation import direction_of
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.model.bundle import Bundle, default_bundle_folder, load_bundle
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.report.terminal import organ_table, progress_bar
from MISTKDSegmentLib.system import usable_cores

PROGRAM = "mistkd-segment"
NOTICE = "Research use only, not a medical device."
MADE_UP = "No scan given: segmenting a made-up abdomen that belongs to nobody."
USAGE_EXIT_CODE = 2
STOPPED_EXIT_CODE = 130  # what shells report for Ctrl-C


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the command line.

    Args:
        argv: arguments without the program's name; those of the process when left out.

    Returns:
        0, or the `exit_code` of the error that was printed, or 130 after Ctrl-C.

    Raises:
        SystemExit: help or the version was asked for, or the arguments make no sense (code 2).
    """
    occupy_descriptors()
    try:
        options = make_parser().parse_args(argv)
        _show_any_name()
        run(options)
    except SegmentError as error:
        _say(f"error: {error}")
        return error.exit_code
    except MemoryError:
        _say("error: the scan needs more memory than there is; close other programs or crop it.")
        return SegmentError.exit_code
    except KeyboardInterrupt:
        _say("stopped")
        return STOPPED_EXIT_CODE
    return 0


def _say(sentence: str) -> None:
    Stream(sys.stderr).write(f"{PROGRAM}: {sentence}\n")


def _show_any_name() -> None:
    """Names with characters that stdout's encoding lacks, as in a pipe on Windows, must not end a run."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class UsageError(SegmentError):
    """An argument makes no sense."""

    exit_code = USAGE_EXIT_CODE


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; argparse would print the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_EXIT_CODE, f"{PROGRAM}: error: {message} (--help lists the options)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        stream = Stream(file or sys.stderr)
        stream.write(message)
        if file is sys.stdout:
            stream.check("")


def make_parser() -> argparse.ArgumentParser:
    """The options, as `--help` shows them."""
    parser = _Parser(prog=PROGRAM, description=f"Segments the organs of an abdominal CT. {NOTICE}")
    add = parser.add_argument
    add("inputs", nargs="*", type=Path, metavar="INPUT",
        help="NIfTI, NRRD or MetaImage file, DICOM folder, or a folder tree with many of them; left out, a made-up "
             "abdomen is segmented")
    add("--output", type=Path, default=Path(), metavar="FOLDER", help="for the results (default: current)")
    add("--organs", metavar="NAMES", help="only these, separated by commas, e.g. liver,left_kidney")
    add("--format", choices=FORMATS, default="seg.nrrd",
        help="default: seg.nrrd; dcm is DICOM SEG, for DICOM folders alone (with the package highdicom)")
    add("--threads", type=_positive_int, default=0, metavar="N",
        help="processor cores to use for one scan (default: all, shared among workers; 1 on a Dask worker)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=_positive_int, default=0, metavar="N",
                       help="processes for many scans (default: one for every two cores, as memory allows)")
    where.add_argument("--dask", metavar="ADDRESS",
                       help="of a Dask scheduler whose workers segment the scans (with the package distributed)")
    add("--model", type=Path, metavar="FOLDER", help="model bundle (default: the one that comes along)")
    add("--slice-step", type=_positive_mm, metavar="MM",
        help="the network sees slices at this distance, the rest is interpolated (default: the model's)")
    add("--orientation", type=_axes, metavar="AXES",
        help="to where i, j and k run in volume files, whatever their headers say: one each of L/R, A/P and "
             "S/I, e.g. LPS (left, posterior, superior); DICOM slices state their own")
    add("--no-postprocessing", action="store_true", help="keep what the network says, specks included")
    add("--no-picture", action="store_true", help="write no PNG")
    add("--quiet", action="store_true", help="print nothing but errors")
    add("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def run(options: argparse.Namespace) -> None:
    """Segments one scan or many and reports on them.

    Raises:
        SegmentError: the input, the model, the output folder or standard output cannot be used, or some of many scans
            failed.
    """
    started = time.monotonic()
    told = Stream(sys.stdout)
    messages, results = (_console(stream, options.quiet) for stream in (Stream(sys.stderr), told))
    _require_extras(options)
    ensure_writable(options.output)
    bundle = load_bundle(options.model or default_bundle_folder())
    settings = _settings(options, bundle)
    messages.print(f"{NOTICE} Model: {bundle.name} {bundle.version}.")
    to_do = _to_do(options)
    if isinstance(to_do, Case):
        done = _run_one(to_do, settings, bundle, messages, results)
    else:
        done = _run_many(to_do, settings, options, messages)
    results.print(f"{done} in {time.monotonic() - started:.1f} s.")
    told.check(f"; the results are in {options.output.absolute()}")


def _console(stream: Any, quiet: bool) -> Console:
    return Console(file=stream, quiet=quiet, highlight=False, markup=False, soft_wrap=True)


def _require_extras(options: argparse.Namespace) -> None:
    if options.dask:
        require("distributed", "dask", "--dask")
    if options.format == "dcm":
        require("highdicom", "dicom", "--format dcm")


def _settings(options: argparse.Namespace, bundle: Bundle) -> Settings:
    organs = tuple(label.name for label in choose_labels(bundle, options.organs))
    # Workers have working folders of their own.
    return Settings(options.output, bundle.folder.absolute(), bundle.description_sha256, organs, options.format,
                    options.threads, options.slice_step, not options.no_postprocessing, not options.no_picture,
                    options.orientation)


def _to_do(options: argparse.Namespace) -> Union[Case, Plan]:
    """One scan, which is read as such, or many."""
    is_run_of_many = len(options.inputs) > 1 or options.workers or options.dask
    if not options.inputs or not (is_run_of_many or options.inputs[0].is_dir()):
        return Case(next(iter(options.inputs), None))
    plan = make_plan(options.inputs)
    return plan if is_run_of_many else plan.only_scan(options.inputs[0]) or plan


def _run_one(case: Case, settings: Settings, bundle: Bundle, messages: Console, results: Console) -> str:
    messages.print(MADE_UP if case.source is None else f"Reading {case.source}")
    with progress_bar(messages) as bar:
        task = bar.add_task("Segmenting", total=None, unit="slices,")

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.slices_done, total=progress.slices_total)

        result = run_case(case, settings, bundle, show)
    for doubt in result.doubts:
        results.print(f"Doubtful: {doubt}", style="bold")
    results.print(organ_table(result.rows, result.dice, plain=not results.is_terminal))
    return f"Wrote {', '.join(map(str, result.written))}"


def _run_many(plan: Plan, settings: Settings, options: argparse.Namespace, messages: Console) -> str:
    settings = replace(settings, output=settings.output.absolute())
    if options.dask:
        # A Dask worker runs as many scans at a time as it has threads.
        settings = replace(settings, threads=options.threads or 1)
        spread: Spread = partial(on_cluster, settings=settings, address=options.dask)
    else:
        workers = min(options.workers or default_workers(), max(1, len(plan.cases)))
        settings = replace(settings, threads=options.threads or max(1, usable_cores() // workers))
        spread = partial(on_workers, settings=settings, count=workers)
    summary = run_many(plan, settings, spread, messages)
    return (f"Scans segmented: {summary.count(DONE)}; finished earlier: {summary.count(SKIPPED)}; "
            f"see {options.output / summary.path.name}")


def choose_labels(bundle: Bundle, names: Optional[str]) -> tuple[Label, ...]:
    """The labels that `--organs` names, each once; all of the bundle's when it is left out.

    Raises:
        UsageError: the model does not know a name.
    """
    if names is None:
        return bundle.labels
    try:
        return tuple(dict.fromkeys(bundle.label(name.strip().lower()) for name in names.split(",")))
    except BundleError as error:
        raise UsageError(f"argument --organs: {error}") from None


def _positive_int(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above zero")
    return int(text)


def _axes(text: str) -> str:
    try:
        direction_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text.upper()


def _positive_mm(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a number of millimetres above zero")
