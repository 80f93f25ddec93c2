"""A table node as a CSV file (reads MRML nodes)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from MISTKDSegmentLib.atomic import atomic_path
from MISTKDSegmentLib.scene.organ_table_node import rows_as_text


def write_csv(table: Any, path: Path) -> None:
    """Write a vtkMRMLTableNode with its header as UTF-8 CSV, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(line.split("\t") for line in rows_as_text(table).splitlines())
