"""A table node as a CSV file (reads MRML nodes, touches slicer for translations alone)."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.slicer.scene.organ_table_node import rows_as_text


def file_name(table: Any) -> str:
    """A name for the file of a vtkMRMLTableNode that every file system takes."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]+', "_", table.GetName() or "").strip(" .") + ".csv"


def with_suffix(chosen: str) -> Path:
    """The file that a person chose, as a CSV file where the name that was typed has no ending.

    Raises:
        OutputError: that file is there, and nobody was asked whether to replace it.
    """
    # "scan 1.5" ends in a number.
    if re.search(r"\.[^\W\d]\w*$", Path(chosen).name):
        return Path(chosen)
    path = Path(f"{chosen}.csv")
    if path.exists():
        raise OutputError(_("{path} exists already; choose that file itself to replace it.").format(path=path))
    return path


def write_csv(table: Any, path: Path) -> None:
    """Write a vtkMRMLTableNode with its header as UTF-8 CSV, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows(line.split("\t") for line in rows_as_text(table).splitlines())
