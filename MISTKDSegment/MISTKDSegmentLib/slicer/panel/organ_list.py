"""The checklist of organs (touches qt)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import qt

from MISTKDSegmentLib.model.labels import Label
from MISTKDSegmentLib.slicer.panel.signal import Signal
from MISTKDSegmentLib.slicer.panel.swatch import SIZE, swatch

_MOST_ROWS = 8
_ROW_HEIGHT = 24
# Half of the list in a panel as narrow as Slicer opens it, and what is in a cell beside the text.
_HALF_PX = 128
_BOX_AND_SWATCH_PX = 50


class OrganList:
    """A QTableWidget with a tick box and a colour for each organ of a model, in two columns where names are short.

    Args:
        widget: the QTableWidget.

    Attributes:
        changed: emitted after a person ticked or unticked something.
    """

    def __init__(self, widget: qt.QTableWidget) -> None:
        self.changed = Signal()
        self._widget = widget
        self._labels: tuple[Label, ...] = ()
        self._pressed: tuple[Any, object] = (None, None)
        widget.setIconSize(qt.QSize(SIZE, SIZE))
        widget.horizontalHeader().hide()
        widget.horizontalHeader().setMinimumSectionSize(1)
        widget.horizontalHeader().setSectionResizeMode(qt.QHeaderView.Stretch)
        widget.verticalHeader().hide()
        widget.verticalHeader().setMinimumSectionSize(_ROW_HEIGHT)
        widget.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        widget.connect("itemChanged(QTableWidgetItem*)", self._changed)
        widget.connect("itemPressed(QTableWidgetItem*)", self._remember)
        widget.connect("itemClicked(QTableWidgetItem*)", self._clicked)

    def show(self, labels: Sequence[Label], left_out: Sequence[str]) -> None:
        """Show these organs, ticked but for those of `left_out`."""
        wasBlocked = self._widget.blockSignals(True)
        if tuple(labels) != self._labels:
            self._fill(tuple(labels))
        for item, label in zip(self._items(), self._labels):
            item.setCheckState(qt.Qt.Unchecked if label.name in left_out else qt.Qt.Checked)
        self._widget.blockSignals(wasBlocked)

    def ticked(self) -> tuple[str, ...]:
        """Names of the organs that are ticked, in the model's order."""
        return tuple(label.name for item, label in zip(self._items(), self._labels) if _is_ticked(item))

    def left_out(self) -> list[str]:
        """Names of the organs that are not ticked."""
        return [label.name for item, label in zip(self._items(), self._labels) if not _is_ticked(item)]

    def tick(self, ticked: bool) -> None:
        """Tick every organ, or none."""
        self.show(self._labels, () if ticked else [label.name for label in self._labels])
        self.changed.emit()

    def _items(self) -> Iterator[qt.QTableWidgetItem]:
        columns = self._widget.columnCount
        return (self._widget.item(*divmod(index, columns)) for index in range(len(self._labels)))

    def _fill(self, labels: tuple[Label, ...]) -> None:
        self._labels = labels
        metrics = self._widget.fontMetrics()
        widest = max((metrics.horizontalAdvance(label.title) for label in labels), default=0)
        columns = 2 if widest + _BOX_AND_SWATCH_PX <= _HALF_PX else 1
        rows = -(-len(labels) // columns)
        self._widget.clear()
        self._widget.setColumnCount(columns)
        self._widget.setRowCount(rows)
        for index, label in enumerate(labels):
            item = qt.QTableWidgetItem(label.title)
            item.setIcon(swatch(label.color))
            item.setToolTip(label.title)
            self._widget.setItem(*divmod(index, columns), item)
        self._widget.setFixedHeight(min(_MOST_ROWS, max(1, rows)) * _ROW_HEIGHT + 2 * self._widget.frameWidth)

    def _changed(self, item: qt.QTableWidgetItem) -> None:
        self.changed.emit()

    def _remember(self, item: qt.QTableWidgetItem) -> None:
        self._pressed = (item.row(), item.column()), item.checkState()

    def _clicked(self, item: qt.QTableWidgetItem) -> None:
        """Let a click on the name tick as well; a click on the box has done so by itself."""
        if self._pressed == ((item.row(), item.column()), item.checkState()):
            item.setCheckState(qt.Qt.Unchecked if _is_ticked(item) else qt.Qt.Checked)


def _is_ticked(item: qt.QTableWidgetItem) -> bool:
    return bool(item.checkState() == qt.Qt.Checked)
