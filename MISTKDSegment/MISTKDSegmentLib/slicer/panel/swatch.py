"""A small square of an organ's colour (touches qt)."""

from __future__ import annotations

import qt

SIZE = 14


def swatch(color: tuple[int, int, int]) -> qt.QIcon:
    """An icon of that colour, RGB 0 to 255."""
    pixmap = qt.QPixmap(SIZE, SIZE)
    pixmap.fill(qt.QColor(*color))
    icon = qt.QIcon(pixmap)
    # Qt would grey the colour out with the control, though it is a legend then still.
    icon.addPixmap(pixmap, qt.QIcon.Disabled)
    return icon
