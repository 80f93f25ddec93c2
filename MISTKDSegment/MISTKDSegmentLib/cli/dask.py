"""The command `mistkd dask`: Dask's own program, for a scheduler and the machines that work for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Optional

from dask.__main__ import main as run_dask


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    Raises:
        SystemExit: always, with Dask's exit code.
    """
    if argv is not None:
        sys.argv = ["dask", *argv]
    run_dask()
    return 0
