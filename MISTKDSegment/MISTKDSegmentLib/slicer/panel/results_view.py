"""The table of results (touches qt, reads MRML nodes)."""

from __future__ import annotations

import textwrap
from typing import Any, Optional

import qt
import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.slicer.panel.swatch import SIZE, swatch

_ROW_HEIGHT = 24
_LINE = 17  # characters
# Where `write_table_node` puts them.
_ORGAN, _VOLUME_ML, _MEAN_HU, _FLAGS = 0, 1, 2, 4


class ResultsView:
    """A QTableWidget that shows a table node, with the colours that the organs have in the segmentation.

    Args:
        widget: the QTableWidget.
    """

    def __init__(self, widget: qt.QTableWidget) -> None:
        self._widget = widget
        self._shown: object = None
        self.has_rows = self.has_segments = self.has_surfaces = False
        widget.setIconSize(qt.QSize(SIZE, SIZE))
        widget.setColumnCount(4)
        # What the two lines of a title save in width, the flags get.
        widget.setHorizontalHeaderLabels([title.replace(" ", "\n", 1) for title in
                                          (_("Organ"), _("Volume (mL)"), _("Mean HU"), _("Flag"))])
        widget.verticalHeader().hide()
        # Flags are broken into lines by us: rows that were higher in a narrower panel could bring the panel's scroll
        # bar, which makes it narrower, and drive Qt round in circles.
        widget.setWordWrap(False)
        widget.verticalHeader().setMinimumSectionSize(_ROW_HEIGHT)
        widget.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header = widget.horizontalHeader()
        for column in range(3):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(3, qt.QHeaderView.Stretch)
        self._fill([], {})

    def show(self, table: Optional[slicer.vtkMRMLTableNode],
             segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> None:
        """Show the rows of a table node; None shows none."""
        rows, colors = _rows(table), _colors(segmentation)
        self.has_rows, self.has_segments = bool(rows), bool(colors)
        self.has_surfaces = segmentation is not None and segmentation.GetSegmentation().ContainsRepresentation(
            slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName())
        if (rows, colors) != self._shown:
            self._shown = rows, colors
            self._fill(rows, colors)

    def _fill(self, rows: list[tuple[str, ...]], colors: dict[str, tuple[int, int, int]]) -> None:
        self._widget.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = qt.QTableWidgetItem(textwrap.fill(text, _LINE, break_long_words=False))
                item.setToolTip(text)
                if column in (_VOLUME_ML, _MEAN_HU):
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                self._widget.setItem(row, column, item)
            if cells[0] in colors:
                self._widget.item(row, 0).setIcon(swatch(colors[cells[0]]))


def _rows(node: Optional[slicer.vtkMRMLTableNode]) -> list[tuple[str, ...]]:
    if node is None or node.GetNumberOfColumns() <= _FLAGS:
        return []
    return [_cells(node.GetTable(), row) for row in range(node.GetNumberOfRows())]


def _cells(table: Any, row: int) -> tuple[str, ...]:
    return (table.GetValue(row, _ORGAN).ToString(), _volume(table.GetValue(row, _VOLUME_ML).ToDouble()),
            _number(table.GetValue(row, _MEAN_HU).ToDouble()), table.GetValue(row, _FLAGS).ToString())


def _volume(volume_ml: float) -> str:
    return "< 0.1" if 0 < volume_ml < 0.05 else f"{volume_ml:.1f}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value == value else "–"


def _colors(node: Optional[slicer.vtkMRMLSegmentationNode]) -> dict[str, tuple[int, int, int]]:
    if node is None:
        return {}
    segmentation = node.GetSegmentation()
    segments = [segmentation.GetNthSegment(index) for index in range(segmentation.GetNumberOfSegments())]
    return {segment.GetName(): tuple(round(255 * part) for part in segment.GetColor()) for segment in segments}
