"""Optional packages, asked for before a long run and not in its midst."""

from __future__ import annotations

import importlib.util

from MISTKDSegmentLib.errors import SegmentError


class ExtraError(SegmentError):
    """An option needs a package that is not installed."""

    exit_code = 2


def require(package: str, extra: str, option: str) -> None:
    """Find out whether an optional package is there.

    Args:
        package: that is needed.
        extra: of this project that installs it.
        option: of the command line that needs it, for the message.

    Raises:
        ExtraError: it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise ExtraError(f"{option} needs the Python package {package} (Python 3.10 or newer); install it with "
                         f"`pip install 'mistkdsegment[{extra}]'`.")
