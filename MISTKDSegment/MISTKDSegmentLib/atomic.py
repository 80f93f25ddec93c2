"""Files that appear whole or not at all: written beside the target, then renamed over it."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

from MISTKDSegmentLib.errors import OutputError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder",
    errno.EACCES: "there is no permission to write there; choose another folder",
    errno.EPERM: "there is no permission to write there; choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOENT: "its folder does not exist; make the folder first",
    errno.ENOTDIR: "its folder is not a folder; choose another one",
    errno.EISDIR: "there is a folder of that name; choose another name",
    errno.ENAMETOOLONG: "its name is too long; choose a shorter one",
}


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary file beside `target` that takes its place when the block ends without an exception.

    Args:
        target: file to write; an earlier file of that name stays untouched until the new one is complete.

    Yields:
        An empty file in the same folder, with the same last two suffixes, whose name no other process has.

    Raises:
        OutputError: the target cannot be written (no permission, disk full, folder missing, ...).
    """
    temporary: Optional[Path] = None
    try:
        temporary = _claim_sibling(target)
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {_explain(error)}.") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def _claim_sibling(target: Path) -> Path:
    # Renaming over a folder or a device such as /dev/null would fail late or replace the device itself.
    if target.is_dir() or (target.exists() and not target.is_file()):
        raise IsADirectoryError(errno.EISDIR, "not a regular file", str(target))
    sibling = target.with_name(f".{uuid.uuid4().hex[:12]}{''.join(target.suffixes[-2:])}")
    # Not tempfile: its files are readable by their owner only, and would stay so after the renaming.
    sibling.touch(exist_ok=False)
    return sibling


def _flush_to_disk(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _explain(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, f"{error.strerror or error}; choose another folder")
