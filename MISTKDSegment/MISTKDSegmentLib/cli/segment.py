"""The command `mistkd segment`: CTs in; for each a segmentation, a table of its organs and a picture out."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Optional

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.cli import NOTICE
from MISTKDSegmentLib.cli.streams import Stream, occupy_descriptors
from MISTKDSegmentLib.errors import OptionError, SegmentError
from MISTKDSegmentLib.geometry.axes import parse_axes

PROGRAM = "mistkd segment"
FORMATS = ("seg.nrrd", "nii.gz", "dcm")
STOPPED_EXIT_CODE = 130  # what shells report for Ctrl-C


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    Args:
        argv: arguments without the command's name; those of the process when left out.

    Returns:
        0, or the `exit_code` of the error that was printed, or 130 after Ctrl-C.

    Raises:
        SystemExit: help or the version was asked for, or the arguments make no sense (code 2).
    """
    occupy_descriptors()
    try:
        options = make_parser().parse_args(argv)
        _show_any_name()
        # Not at the top: `--help` needs neither arrays nor the network, which take memory in threads of their own.
        from MISTKDSegmentLib.allocator import share_one_pool

        share_one_pool()
        from MISTKDSegmentLib.cli.segment_scans import segment_scans

        segment_scans(options)
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


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; argparse would print the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(OptionError.exit_code, f"{PROGRAM}: error: {message} (--help lists the options)\n")

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
        help="the network sees slices at most this far apart, the rest is interpolated (default: the model's)")
    add("--orientation", type=_axes, metavar="AXES",
        help="to where i, j and k run in volume files, whatever their headers say: one each of L/R, A/P and "
             "S/I, e.g. LPS (left, posterior, superior); DICOM slices state their own")
    add("--no-postprocessing", action="store_true",
        help="keep what the network says: no offsets of its logits, specks included")
    add("--no-picture", action="store_true", help="write no PNG")
    add("--quiet", action="store_true", help="print nothing but errors")
    add("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def _positive_int(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above zero")
    return int(text)


def _axes(text: str) -> str:
    try:
        return parse_axes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive_mm(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a number of millimetres above zero")
