"""Imported by each script that runs as a file: finds the packages of this clone, installed or not, from any folder."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = [str(HERE.parent), str(HERE.parent / "MISTKDSegment")]
# This folder goes last: its `evaluate.py` or `data` are not meant where a library imports something of that name.
sys.path[:] = [*PACKAGES, *(path for path in sys.path if path not in (*PACKAGES, str(HERE))), str(HERE)]
