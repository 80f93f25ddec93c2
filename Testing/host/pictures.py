"""Pictures: the panel as Slicer shows it, and the views of the real scene rendered by VTK."""

from __future__ import annotations

from pathlib import Path

from PySide6 import QtCore, QtWidgets

MARGIN_PX = 12


def panel(widget: QtWidgets.QWidget, path: Path, width_px: int, window: QtWidgets.QMainWindow) -> Path:
    """Grabs the whole panel at Slicer's usual width, or as wide as it insists on being."""
    before = window.size()
    for _ in range(6):
        _settle()
        frame = window.size() - widget.size()
        layout = widget.layout()
        height = layout.totalHeightForWidth(width_px) if layout.hasHeightForWidth() else widget.sizeHint().height()
        window.resize(width_px + frame.width(), height + max(frame.height(), 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    widget.grab(QtCore.QRect(0, 0, widget.width(), _bottom(widget) + MARGIN_PX)).save(str(path))
    window.resize(before)
    _settle()
    return path


def _bottom(widget: QtWidgets.QWidget) -> int:
    """The lower edge of the lowest thing to be seen: below it there is only stretch."""
    leaves = [child for child in widget.findChildren(QtWidgets.QWidget)
              if child.isVisibleTo(widget) and child.layout() is None]
    return max((child.mapTo(widget, child.rect().bottomLeft()).y() for child in leaves), default=widget.height())


def _settle() -> None:
    QtWidgets.QApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 10)
