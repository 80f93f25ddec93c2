"""What `mistkd segment` does with its scans once its options are read."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Optional, Union

from rich.console import Console

from MISTKDSegmentLib.batch.case import Case, Settings, ensure_writable, run_case
from MISTKDSegmentLib.cli import NOTICE
from MISTKDSegmentLib.cli.streams import Stream
from MISTKDSegmentLib.errors import BundleError, OptionError
from MISTKDSegmentLib.extras import require
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.model.bundle import Bundle, default_bundle_folder, load_bundle
from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.report.terminal import organ_table, progress_bar
from MISTKDSegmentLib.system import usable_cores

# What many scans need is imported where there are many.
if TYPE_CHECKING:
    from MISTKDSegmentLib.batch.many import Spread
    from MISTKDSegmentLib.batch.plan import Plan

MADE_UP = "No scan given: segmenting a made-up abdomen that belongs to nobody."


def segment_scans(options: argparse.Namespace) -> None:
    """Segment one scan or many and report on them.

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
    return Settings(options.output, bundle.folder.absolute(), bundle.description_sha256,
                    SegmentOptions(organs, options.threads, options.slice_step, not options.no_postprocessing,
                                   options.orientation),
                    options.format, not options.no_picture)


def _to_do(options: argparse.Namespace) -> Union[Case, Plan]:
    """One scan, which is read as such, or many."""
    is_run_of_many = len(options.inputs) > 1 or options.workers or options.dask
    if not options.inputs or not (is_run_of_many or options.inputs[0].is_dir()):
        return Case(next(iter(options.inputs), None))
    from MISTKDSegmentLib.batch.plan import make_plan

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
    from MISTKDSegmentLib.batch.many import run_many
    from MISTKDSegmentLib.batch.outcome import DONE, SKIPPED

    settings = replace(settings, output=settings.output.absolute())
    if options.dask:
        from MISTKDSegmentLib.batch.dask_workers import on_cluster

        # A Dask worker runs as many scans at a time as it has threads.
        settings = settings.with_threads(options.threads or 1)
        spread: Spread = partial(on_cluster, settings=settings, address=options.dask)
    else:
        from MISTKDSegmentLib.batch.local_workers import default_workers, on_workers

        workers = min(options.workers or default_workers(), max(1, len(plan.cases)))
        settings = settings.with_threads(options.threads or max(1, usable_cores() // workers))
        spread = partial(on_workers, settings=settings, count=workers)
    summary = run_many(plan, settings, spread, messages)
    return (f"Scans segmented: {summary.count(DONE)}; finished earlier: {summary.count(SKIPPED)}; "
            f"see {options.output / summary.path.name}")


def choose_labels(bundle: Bundle, names: Optional[str]) -> tuple[Label, ...]:
    """The labels that `--organs` names, each once; all of the bundle's when it is left out.

    Raises:
        OptionError: the model does not know a name.
    """
    if names is None:
        return bundle.labels
    try:
        return tuple(dict.fromkeys(bundle.label(name.strip().lower()) for name in names.split(",")))
    except BundleError as error:
        raise OptionError(f"argument --organs: {error}") from None
