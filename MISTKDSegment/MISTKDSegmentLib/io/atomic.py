"""Files that appear whole or not at all: written beside the target, then renamed over it."""

from __future__ import annotations

import errno
import math
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Optional

from MISTKDSegmentLib.errors import OutputError

# What a killed process left, told from what another one is writing by its age.
_PREFIX = ".mistkd-"
_LEFTOVER_S = 3600.0
# Looking at a folder of thousands of results takes longer than writing one.
_LOOKED_AT: dict[Path, float] = {}
_LOOK_AGAIN_S = 60.0
# A dot far from the end of a long name is part of the name.
_MAX_SUFFIX = 12
_REASONS = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder",
    # Also what Windows says of a table that is open in a spreadsheet.
    errno.EACCES: "there is no permission to write there, or another program keeps it open; close that or choose "
                  "another folder",
    errno.EPERM: "there is no permission to write there; choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOENT: "its folder does not exist; make the folder first",
    errno.ENOTDIR: "its folder is not a folder; choose another one",
    errno.EISDIR: "there is a folder of that name; choose another name",
    errno.ENAMETOOLONG: "its name is too long; choose a shorter one",
    errno.ELOOP: "it is a link that leads back to itself; remove the link",
}


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary file beside `target` that takes its place when the block ends without an exception.

    Args:
        target: file to write; an earlier file of that name stays untouched until the new one is complete, and hands
            down its permissions. Of a link, the file that it leads to is written.

    Yields:
        An empty file in the same folder, with the same last two suffixes, whose name no other process has. Where the
        process is killed, it stays behind, and a later writer in that folder removes it, which looks once a minute.

    Raises:
        OutputError: the target cannot be written (no permission, disk full, folder missing, ...).
    """
    temporary: Optional[Path] = None
    try:
        destination = Path(os.path.realpath(target))
        temporary = _claim_sibling(destination)
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, destination)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {_explain(error)}.") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def remove_leftovers(folder: Path, *, older_than_s: float = 0.0) -> None:
    """Remove temporary files of processes that were killed while they wrote into `folder`.

    What cannot be removed stays: it only takes room.

    Args:
        folder: where they wrote.
        older_than_s: age from which on a file counts as left behind; younger ones another process may be writing.
    """
    newest = time.time() - older_than_s
    # Another process may remove them at the same time, and some may belong to somebody else.
    with suppress(OSError):
        for entry in os.scandir(folder):
            with suppress(OSError):
                if entry.name.startswith(_PREFIX) and entry.stat(follow_symlinks=False).st_mtime <= newest:
                    os.unlink(entry)


def _claim_sibling(target: Path) -> Path:
    permissions = _permissions(target)
    now = monotonic()
    if now - _LOOKED_AT.get(target.parent, -math.inf) >= _LOOK_AGAIN_S:
        _LOOKED_AT[target.parent] = now
        remove_leftovers(target.parent, older_than_s=_LEFTOVER_S)
    suffixes = "".join(suffix for suffix in target.suffixes[-2:] if len(suffix) <= _MAX_SUFFIX)
    sibling = target.with_name(f"{_PREFIX}{uuid.uuid4().hex[:12]}{suffixes}")
    # Not tempfile: its files are readable by their owner only, and would stay so after the renaming.
    sibling.touch(exist_ok=False)
    if permissions is not None:
        sibling.chmod(permissions)
    return sibling


def _permissions(target: Path) -> Optional[int]:
    """Those of the file that is to be replaced; renaming would not ask whether it may be written."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    # Renaming over a folder or a device such as /dev/null would fail late or replace the device itself.
    if not stat.S_ISREG(mode):
        raise IsADirectoryError(errno.EISDIR, "not a regular file", str(target))
    if not mode & stat.S_IWUSR or not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "read-only", str(target))
    return stat.S_IMODE(mode)


def _flush_to_disk(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _explain(error: OSError) -> str:
    return _REASONS.get(error.errno or 0, f"{error.strerror or error}; choose another folder")
