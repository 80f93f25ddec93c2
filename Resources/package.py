"""The command `python3 mistkd.py package`: writes the archives that 3D Slicer installs from a file."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from Resources.slicer_archive import REVISIONS, ROOT, SUFFIXES, PackageError, archive_name, build_archive


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Writes the archives that the options ask for.

    Returns:
        0, or 1 after an error that was printed, or 130 after Ctrl-C.

    Raises:
        SystemExit: help was asked for, or the options make no sense (code 2).
    """
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.revision and (options.platform != ["macosx"] or len(options.slicer or ()) != 1):
        parser.error("--revision goes with --platform macosx and one --slicer")
    try:
        for slicer in options.slicer or REVISIONS:
            for platform in options.platform or SUFFIXES:
                content = build_archive(slicer, platform, tuple(options.revision or ()))
                path = write(options.out / archive_name(slicer, platform), content)
                print(f"Wrote {path} ({len(content) / 1e6:.1f} MB)", flush=True)
    except PackageError as error:
        print(f"mistkd.py: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mistkd.py: stopped", file=sys.stderr)
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options, as `--help` shows them."""
    parser = argparse.ArgumentParser(prog="mistkd.py package", description="Writes the archives that 3D Slicer "
                                     "installs from a file; all of them when neither version nor system is named.")
    add = parser.add_argument
    add("--slicer", action="append", type=_release, choices=REVISIONS, help="version of Slicer; can be repeated")
    add("--platform", action="append", choices=SUFFIXES, help="operating system; can be repeated")
    add("--revision", action="append", type=_revision, metavar="N", help="for macOS and a release of Slicer "
        "that is not known here: the revision that Slicer shows under Help > About")
    add("--out", type=Path, default=ROOT / "dist", metavar="FOLDER", help="for the archives (default: dist)")
    return parser


def _release(text: str) -> str:
    """The release that an installed Slicer is of: 5.12 for 5.12.3."""
    return ".".join(text.split(".")[:2])


def _revision(text: str) -> int:
    if not text.isdecimal() or int(text) < min(REVISIONS["5.8"]):
        raise argparse.ArgumentTypeError(f"'{text}' is no revision of Slicer; Help > About shows it")
    return int(text)


def write(path: Path, content: bytes) -> Path:
    """Writes a file that is there whole or not at all.

    Returns:
        The path.

    Raises:
        PackageError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{uuid.uuid4().hex}")
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise PackageError(f"{path} cannot be written ({error.strerror}); name another folder with --out") from error
    return path
