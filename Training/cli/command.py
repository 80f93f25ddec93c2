"""Running a script's work: a user's mistake becomes one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

from MISTKDSegmentLib.errors import SegmentError

STOPPED = 130  # what shells report for Ctrl-C


def run_command(name: str, work: Callable[[], None]) -> int:
    """Run the work of a script.

    Args:
        name: of the script, for messages.
        work: raises `SegmentError` for what the user can mend.

    Returns:
        The exit code.
    """
    try:
        work()
    except SegmentError as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{name}: stopped; the same command goes on where it can, a training with --resume.", file=sys.stderr)
        return STOPPED
    return 0
