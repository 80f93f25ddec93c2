"""Command line `mistkd-segment`: a CT in; a segmentation, a table of its organs and a picture out."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Optional

import numpy as np
from rich.console import Console

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.bundle import Bundle, default_bundle_folder, load_bundle
from MISTKDSegmentLib.cli_report import dice_by_name, organ_table, progress_bar
from MISTKDSegmentLib.errors import BundleError, OutputError, SegmentError
from MISTKDSegmentLib.labels import Label
from MISTKDSegmentLib.overlay import write_overlay
from MISTKDSegmentLib.phantom import make_phantom
from MISTKDSegmentLib.reading import read_volume
from MISTKDSegmentLib.runner import segment
from MISTKDSegmentLib.table import OrganRow, measure, write_csv
from MISTKDSegmentLib.volume import Volume
from MISTKDSegmentLib.writing import write_scan, write_segmentation

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
    options = make_parser().parse_args(argv)
    try:
        run(options)
    except SegmentError as error:
        print(f"{PROGRAM}: error: {error}", file=sys.stderr)
        return error.exit_code
    except MemoryError:
        print(f"{PROGRAM}: error: the scan needs more memory than there is; close other programs or crop it.",
              file=sys.stderr)
        return SegmentError.exit_code
    except KeyboardInterrupt:
        print(f"{PROGRAM}: stopped", file=sys.stderr)
        return STOPPED_EXIT_CODE
    return 0


class UsageError(SegmentError):
    """An argument makes no sense."""

    exit_code = USAGE_EXIT_CODE


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; argparse would print the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_EXIT_CODE, f"{PROGRAM}: error: {message} (--help lists the options)\n")


def make_parser() -> argparse.ArgumentParser:
    """The options, as `--help` shows them."""
    parser = _Parser(prog=PROGRAM, description=f"Segments the organs of an abdominal CT. {NOTICE}")
    add = parser.add_argument
    add("input", nargs="?", type=Path, metavar="INPUT",
        help="NIfTI, NRRD or MetaImage file or DICOM folder; left out, a made-up abdomen is segmented")
    add("--output", type=Path, default=Path(), metavar="FOLDER", help="for the results (default: current)")
    add("--organs", metavar="NAMES", help="only these, separated by commas, e.g. liver,left_kidney")
    add("--format", choices=("seg.nrrd", "nii.gz"), default="seg.nrrd", help="default: seg.nrrd")
    add("--threads", type=_positive_int, default=0, metavar="N", help="processor cores to use (default: all)")
    add("--model", type=Path, metavar="FOLDER", help="model bundle (default: the one that comes along)")
    add("--slice-step", type=_positive_mm, metavar="MM",
        help="the network sees slices at this distance, the rest is interpolated (default: the model's)")
    add("--no-postprocessing", action="store_true", help="keep what the network says, specks included")
    add("--no-picture", action="store_true", help="write no PNG")
    add("--quiet", action="store_true", help="print nothing but errors")
    add("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def run(options: argparse.Namespace) -> None:
    """Segments one scan and reports on it.

    Raises:
        SegmentError: the input, the model or the output folder cannot be used.
    """
    started = time.monotonic()
    messages = Console(quiet=options.quiet, stderr=True, highlight=False, markup=False, soft_wrap=True)
    ensure_writable(options.output)
    bundle = load_bundle(options.model or default_bundle_folder())
    labels = choose_labels(bundle, options.organs)
    messages.print(f"{NOTICE} Model: {bundle.name} {bundle.version}.")
    messages.print(MADE_UP if options.input is None else f"Reading {options.input}")
    volume, truth = make_phantom() if options.input is None else (read_volume(options.input), None)
    ensure_input_stays(options, volume.name)
    found = np.zeros(volume.voxels.shape, np.uint8)
    batches = segment(volume, bundle, found, organs=[label.name for label in labels], threads=options.threads,
                      slice_step_mm=options.slice_step, postprocess=not options.no_postprocessing)
    with progress_bar(messages) as bar:
        task = bar.add_task("Segmenting", total=None)
        for progress in batches:
            bar.update(task, completed=progress.slices_done, total=progress.slices_total)
    rows = measure(volume, found, labels)
    written = write_results(options, volume, found, rows)
    results = Console(quiet=options.quiet, highlight=False, markup=False, soft_wrap=True)
    dice = {} if truth is None else dice_by_name(found, truth, labels)
    results.print(organ_table(rows, dice, plain=not results.is_terminal))
    results.print(f"Wrote {', '.join(map(str, written))} in {time.monotonic() - started:.1f} s.")


def ensure_writable(folder: Path) -> None:
    """Finds out before the long run, not after it, whether results can be written.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror}); name another --output.") from error


def ensure_input_stays(options: argparse.Namespace, name: str) -> None:
    """Refuses to write a result over the scan that it is made from.

    Raises:
        OutputError: the segmentation would take the input's place.
    """
    target = segmentation_path(options, name)
    if options.input is not None and target.exists() and target.samefile(options.input):
        raise OutputError(f"{target} is the input itself; name another folder with --output.")


def segmentation_path(options: argparse.Namespace, name: str) -> Path:
    """Where the segmentation goes: "seg." before nii.gz too, so that it never meets a scan NAME.nii.gz."""
    return options.output / f"{name}.seg.{options.format.replace('seg.', '')}"


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


def write_results(options: argparse.Namespace, volume: Volume, found: np.ndarray,
                  rows: Sequence[OrganRow]) -> list[Path]:
    """Writes the segmentation, the table, the picture, and the scan itself when it was made up.

    Returns:
        The files.
    """
    labels = [row.label for row in rows]
    stem = options.output / volume.name
    segmentation = segmentation_path(options, volume.name)
    table, picture, scan = Path(f"{stem}.csv"), Path(f"{stem}.png"), Path(f"{stem}.nii.gz")
    write_segmentation(segmentation, volume, found, labels)
    write_csv(table, rows)
    written = [segmentation, table]
    if not options.no_picture:
        write_overlay(picture, volume, found, labels)
        written.append(picture)
    if options.input is None:
        write_scan(scan, volume)
        written.append(scan)
    return written


def _positive_int(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above zero")
    return int(text)


def _positive_mm(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a number of millimetres above zero")
