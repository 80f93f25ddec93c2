"""What the panel reads from and writes to files that a person chooses (touches slicer and qt)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import qt
import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.slicer.panel.csv_file import file_name, with_suffix, write_csv


def ask_for_model() -> Optional[Path]:
    """The model that a person chose; None where that was none."""
    return _opened(_("Add a model"), _("Model") + " (*.zip model.json)")


def ask_for_wheel() -> Optional[Path]:
    """The wheel of onnxruntime that a person chose; None where that was none."""
    return _opened(_("Install onnxruntime"), _("Wheel of onnxruntime") + " (onnxruntime*.whl)")


def export_table(table: Any) -> Optional[Path]:
    """Write a vtkMRMLTableNode to the CSV file that a person chooses.

    Returns:
        The file; None where none was chosen.

    Raises:
        OutputError: it cannot be written.
    """
    chosen = qt.QFileDialog.getSaveFileName(
        slicer.util.mainWindow(), _("Export the table"), str(_export_folder() / file_name(table)),
        _("Table") + " (*.csv)")
    if not chosen:
        return None
    path = with_suffix(chosen)
    write_csv(table, path)
    return path


def _opened(title: str, kinds: str) -> Optional[Path]:
    chosen = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, "", kinds)
    return Path(chosen) if chosen else None


def _export_folder() -> Path:
    """Where the scene is kept; the user's documents while it has not been saved."""
    folder = Path(slicer.mrmlScene.GetRootDirectory() or "")
    if folder.is_absolute() and folder.is_dir():
        return folder
    return Path(qt.QStandardPaths.writableLocation(qt.QStandardPaths.DocumentsLocation))
