"""What can go wrong for a user: each error is one sentence that names the file or value and the remedy."""

from __future__ import annotations

import os
from pathlib import Path


class SegmentError(Exception):
    """Base of every error that a user can mend; `exit_code` is what the command line returns."""

    exit_code = 1


class OptionError(SegmentError, ValueError):
    """An option makes no sense."""

    exit_code = 2


class InputError(SegmentError):
    """The scan cannot be read, is not a CT, or has no usable geometry."""

    exit_code = 3


class BundleError(SegmentError):
    """The model bundle is missing, damaged or not of a kind that this version reads."""

    exit_code = 4


class OutputError(SegmentError):
    """A result cannot be written."""

    exit_code = 5


def is_utf8(path: Path) -> bool:
    """Whether C++ libraries can open a path: they end the process over one that is no UTF-8."""
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def check_name(path: Path, kind: type[SegmentError]) -> None:
    """Refuse a path that is no UTF-8: C++ libraries end the process over one.

    Raises:
        kind: if a character of the path cannot be encoded.
    """
    if not is_utf8(path):
        readable = os.fspath(path).encode("utf-8", "replace").decode()
        raise kind(f"{readable} has characters that are no UTF-8 in its name; rename it.")
