"""All checks of the repository, as `python3 mistkd.py test` runs them: ruff, mypy and pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A file's tests stay in one process, for they share what is costly to make.
PARALLEL = ("-n", "auto", "--maxprocesses", "8", "--dist", "loadfile")


def run_checks(pytest_options: Sequence[str]) -> int:
    """Run all checks even when one fails, and say at the end which did.

    Returns:
        0, or 1 where one failed.
    """
    checks = {"ruff": ["ruff", "check"], "mypy": ["mypy"], "pytest": ["pytest", *PARALLEL, *pytest_options]}
    # Processes with as many threads as there are cores would hinder each other.
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    failed = []
    for name, module in checks.items():
        print(f"== {name}", flush=True)
        if subprocess.call([sys.executable, "-m", *module], cwd=str(ROOT), env=environment):
            failed.append(name)
    print("Failed: " + ", ".join(failed) if failed else "All checks passed: " + ", ".join(checks))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_checks(sys.argv[1:]))
