"""The checklist of organs (touches qt)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import qt

from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.slicer.panel.swatch import SIZE, swatch

_MOST_ROWS = 8
_ROW_HEIGHT = 24
# Two columns in a panel of usual width; the list makes more of them where there is room.
_COLUMNS = 2
_COLUMN_WIDTH = 150


class OrganList:
    """A QListWidget with a tick box and a colour for each organ of a model.

    Args:
        widget: the QListWidget.
        on_change: called after a person ticked or unticked something.
    """

    def __init__(self, widget: qt.QListWidget, on_change: Callable[[], None]) -> None:
        self._widget, self._on_change = widget, on_change
        self._labels: tuple[Label, ...] = ()
        self._pressed: tuple[int, object] = (-1, None)
        widget.setIconSize(qt.QSize(SIZE, SIZE))
        widget.connect("itemChanged(QListWidgetItem*)", self._changed)
        widget.connect("itemPressed(QListWidgetItem*)", self._remember)
        widget.connect("itemClicked(QListWidgetItem*)", self._clicked)

    def show(self, labels: Sequence[Label], left_out: Sequence[str]) -> None:
        """Show these organs, ticked but for those of `left_out`."""
        wasBlocked = self._widget.blockSignals(True)
        if tuple(labels) != self._labels:
            self._fill(tuple(labels))
        for row, label in enumerate(labels):
            self._widget.item(row).setCheckState(qt.Qt.Unchecked if label.name in left_out else qt.Qt.Checked)
        self._widget.blockSignals(wasBlocked)

    def ticked(self) -> tuple[str, ...]:
        """Names of the organs that are ticked, in the model's order."""
        return tuple(label.name for row, label in enumerate(self._labels) if self._is_ticked(row))

    def left_out(self) -> list[str]:
        """Names of the organs that are not ticked."""
        return [label.name for row, label in enumerate(self._labels) if not self._is_ticked(row)]

    def tick(self, ticked: bool) -> None:
        """Tick every organ, or none."""
        self.show(self._labels, () if ticked else [label.name for label in self._labels])
        self._on_change()

    def _is_ticked(self, row: int) -> bool:
        return self._widget.item(row).checkState() == qt.Qt.Checked

    def _fill(self, labels: tuple[Label, ...]) -> None:
        self._labels = labels
        self._widget.clear()
        for row, label in enumerate(labels):
            self._widget.addItem(label.title)
            self._widget.item(row).setIcon(swatch(label.color))
        cell = qt.QSize(max(_COLUMN_WIDTH, self._widget.sizeHintForColumn(0) + 8), _ROW_HEIGHT)
        for row in range(len(labels)):
            self._widget.item(row).setSizeHint(cell)
        self._widget.setGridSize(cell)
        rows = min(_MOST_ROWS, max(1, -(-len(labels) // _COLUMNS)))
        self._widget.setFixedHeight(rows * _ROW_HEIGHT + 2 * self._widget.frameWidth + 2)

    def _changed(self, item: qt.QListWidgetItem) -> None:
        self._on_change()

    def _remember(self, item: qt.QListWidgetItem) -> None:
        self._pressed = self._widget.row(item), item.checkState()

    def _clicked(self, item: qt.QListWidgetItem) -> None:
        """Let a click on the name tick as well; a click on the box has done so by itself."""
        if self._pressed == (self._widget.row(item), item.checkState()):
            item.setCheckState(qt.Qt.Unchecked if item.checkState() == qt.Qt.Checked else qt.Qt.Checked)
