"""The command `mistkd package`: hands over to the archive builder, which lies in a clone of the repository alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

_ROOT = Path(__file__).resolve().parents[3]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; the standard library is all that it needs.

    Returns:
        The exit code.
    """
    if not (_ROOT / "Resources" / "package.py").is_file():
        print("mistkd package: error: the archives are made from a clone of the repository; run "
              "`python3 mistkd.py package` there", file=sys.stderr)
        return 1
    # With `python -P`, or from another folder, it would not be found by itself.
    sys.path.insert(0, str(_ROOT))
    from Resources.package import main as write_archives

    return write_archives(argv)
