"""The results: a table of organs, and how these are shown in the views (touches qt, reads MRML nodes)."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import partial
from typing import Any, Optional

import qt
import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.inference.signals import Point
from MISTKDSegmentLib.report.quality import GOOD, LOOK, POOR, Quality
from MISTKDSegmentLib.slicer.panel.signal import Signal
from MISTKDSegmentLib.slicer.panel.swatch import SIZE, swatch
from MISTKDSegmentLib.slicer.scene.organ_display import is_shown, opacity_of, shining_organ
from MISTKDSegmentLib.slicer.scene.organ_table_node import organs_of, qualities_of, quality_text, reason_text

_ROW_HEIGHT = 24
_LINE = 30  # characters of a flag that a narrow panel has room for
_TICK, _ORGAN, _VOLUME_ML, _MEAN_HU, _QUALITY = range(5)
# Where `write_table_node` puts them.
_IN_NODE = {_ORGAN: 0, _VOLUME_ML: 1, _MEAN_HU: 2}
_FLAGS_IN_NODE = 4
# To be read on white and on black.
_QUALITY_COLORS = {GOOD: (50, 150, 65), LOOK: (205, 130, 0), POOR: (225, 65, 50)}


@dataclass(frozen=True)
class _Row:
    """What the table shows of an organ; the segment is "" where it was not found."""

    segment_id: str
    title: str
    volume_ml: str
    mean_hu: str
    flags: tuple[str, ...]
    color: tuple[int, int, int]
    is_shown: bool
    quality: Optional[Quality]


class ResultsView:
    """Shows a table node and what is in the segmentation that it tells of.

    Args:
        table: a QTableWidget. An organ's flags are lines of their own below it, so that a narrow panel has room.
        slider: a QSlider from 0 to 100 for the opacity.

    Attributes:
        clicked: emitted with the name of the segment whose row a person clicked.
        unsure_clicked: emitted with the name of the segment, "" where it was not found, and the place where it is
            least sure, in LPS mm of the scan, when a person clicked its quality.
        ticked: emitted with the name of a segment and whether it is to be shown.
        opacity_chosen: emitted with a number from 0 to 1.
        has_rows, has_segments, has_surfaces: what there is to be seen.
    """

    def __init__(self, table: qt.QTableWidget, slider: qt.QSlider) -> None:
        self.clicked, self.ticked, self.opacity_chosen = Signal(), Signal(), Signal()
        self.unsure_clicked = Signal()
        self._table, self._slider = table, slider
        self._rows: list[_Row] = []
        self._row_numbers: dict[int, str] = {}
        self._places: dict[int, Point] = {}
        self._words: dict[int, str] = {}
        self.has_rows = self.has_segments = self.has_surfaces = False
        _set_up(table)
        table.connect("cellClicked(int,int)", self._on_clicked)
        slider.connect("valueChanged(int)", lambda value: self.opacity_chosen.emit(value / 100))

    def show(self, table: Optional[slicer.vtkMRMLTableNode],
             segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> None:
        """Show the rows of a table node, the one of the segment that shines marked; None shows none."""
        rows = _rows(table, segmentation)
        self.has_rows = bool(rows)
        self.has_segments = segmentation is not None and segmentation.GetSegmentation().GetNumberOfSegments() > 0
        self.has_surfaces = segmentation is not None and segmentation.GetSegmentation().ContainsRepresentation(
            slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName())
        if rows != self._rows:
            self._rows = rows
            self._fill()
        self._mark(shining_organ(segmentation) if segmentation is not None else "")
        self._show_opacity(segmentation)

    def _fill(self) -> None:
        self._table.clearContents()
        self._table.clearSpans()
        self._row_numbers, self._places, self._words = {}, {}, {}
        self._table.setColumnHidden(_QUALITY, not any(row.quality for row in self._rows))
        self._table.setRowCount(sum(1 + bool(row.flags) for row in self._rows))
        number = 0
        for row in self._rows:
            self._fill_row(number, row)
            number += 1
            if row.flags:
                self._fill_flags(number, row)
                number += 1

    def _fill_row(self, number: int, row: _Row) -> None:
        self._row_numbers[number] = row.segment_id
        for column, text in ((_TICK, ""), (_ORGAN, row.title), (_VOLUME_ML, row.volume_ml), (_MEAN_HU, row.mean_hu)):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(text)
            if column in (_VOLUME_ML, _MEAN_HU):
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            self._table.setItem(number, column, item)
        if row.quality:
            self._fill_quality(number, row.quality)
        if row.segment_id:
            self._table.item(number, _ORGAN).setIcon(swatch(row.color))
            self._table.setCellWidget(number, _TICK, self._tick_box(row))

    def _fill_quality(self, number: int, quality: Quality) -> None:
        item = qt.QTableWidgetItem(quality_text(quality.word))
        item.setToolTip(_tool_tip(quality))
        self._words[number] = quality.word
        self._table.setItem(number, _QUALITY, item)
        if quality.word != GOOD and quality.least_sure_lps is not None:
            self._places[number] = quality.least_sure_lps

    def _tick_box(self, row: _Row) -> qt.QCheckBox:
        # A widget of its own, so that a click on it is no click on the organ.
        box = qt.QCheckBox()
        box.setToolTip(_("Show or hide: {organ}").format(organ=row.title))
        box.setChecked(row.is_shown)
        box.connect("clicked(bool)", partial(self.ticked.emit, row.segment_id))
        return box

    def _fill_flags(self, number: int, row: _Row) -> None:
        self._row_numbers[number] = row.segment_id
        # Broken into lines by us: rows that were higher in a narrower panel could bring the panel's scroll bar, which
        # makes it narrower, and drive Qt round in circles.
        lines = [textwrap.fill(f"⚠ {flag}", _LINE, subsequent_indent="    ", break_long_words=False)
                 for flag in row.flags]
        item = qt.QTableWidgetItem("\n".join(lines))
        item.setToolTip(", ".join(row.flags))
        self._table.setItem(number, _ORGAN, item)
        self._table.setSpan(number, _ORGAN, 1, _QUALITY - _ORGAN + 1)

    def _mark(self, shining: str) -> None:
        palette = self._table.palette
        marked, plain = qt.QBrush(palette.color(qt.QPalette.Highlight)), qt.QBrush()
        marked_text, plain_text = qt.QBrush(palette.color(qt.QPalette.HighlightedText)), qt.QBrush()
        for number, segment_id in self._row_numbers.items():
            shines = bool(shining) and segment_id == shining
            for column in range(self._table.columnCount):
                item = self._table.item(number, column)
                if item is not None:
                    item.setBackground(marked if shines else plain)
                    item.setForeground(marked_text if shines else plain_text)
        for number, word in self._words.items():
            if not shining or self._row_numbers[number] != shining:
                self._table.item(number, _QUALITY).setForeground(qt.QBrush(qt.QColor(*_QUALITY_COLORS[word])))

    def _show_opacity(self, segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> None:
        wasBlocked = self._slider.blockSignals(True)
        self._slider.setValue(round(100 * opacity_of(segmentation)) if segmentation is not None else 100)
        self._slider.blockSignals(wasBlocked)

    def _on_clicked(self, number: int, column: int) -> None:
        if column == _QUALITY and number in self._places:
            self.unsure_clicked.emit(self._row_numbers[number], self._places[number])
        elif self._row_numbers.get(number):
            self.clicked.emit(self._row_numbers[number])


def _set_up(table: qt.QTableWidget) -> None:
    table.setIconSize(qt.QSize(SIZE, SIZE))
    table.setColumnCount(5)
    # The two lines of a title save width.
    table.setHorizontalHeaderLabels(["", _("Organ"), _("Volume (mL)").replace(" ", "\n", 1),
                                     _("Mean HU").replace(" ", "\n", 1), _("Check")])
    table.setWordWrap(False)
    table.verticalHeader().hide()
    table.verticalHeader().setMinimumSectionSize(_ROW_HEIGHT)
    table.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header = table.horizontalHeader()
    header.setMinimumSectionSize(1)
    for column in range(5):
        header.setSectionResizeMode(
            column, qt.QHeaderView.Stretch if column == _ORGAN else qt.QHeaderView.ResizeToContents)
    header.setHighlightSections(False)


def _rows(table: Optional[slicer.vtkMRMLTableNode],
          segmentation: Optional[slicer.vtkMRMLSegmentationNode]) -> list[_Row]:
    if table is None or table.GetNumberOfColumns() <= _FLAGS_IN_NODE:
        return []
    count = table.GetNumberOfRows()
    names, qualities = organs_of(table), qualities_of(table)
    names = names if len(names) == count else ("",) * count
    qualities = qualities if len(qualities) == count else (None,) * count
    return [_row(table.GetTable(), row, names[row], segmentation, qualities[row]) for row in range(count)]


def _row(table: Any, row: int, name: str, segmentation: Any, quality: Optional[Quality]) -> _Row:
    title = table.GetValue(row, _IN_NODE[_ORGAN]).ToString()
    flags = table.GetValue(row, _FLAGS_IN_NODE).ToString()
    segment_id = _segment_id(segmentation, name, title)
    color = (0.0, 0.0, 0.0)
    if segment_id:
        color = segmentation.GetSegmentation().GetSegment(segment_id).GetColor()
    red, green, blue = (round(255 * part) for part in color)
    return _Row(segment_id, title, _volume(table.GetValue(row, _IN_NODE[_VOLUME_ML]).ToDouble()),
                _number(table.GetValue(row, _IN_NODE[_MEAN_HU]).ToDouble()),
                tuple(filter(None, flags.split(", "))), (red, green, blue),
                bool(segment_id) and is_shown(segmentation, segment_id), quality)


def _tool_tip(quality: Quality) -> str:
    if quality.is_found:
        score = _("Expected Dice: {dice}").format(dice=f"{quality.score:.2f}")
    else:
        score = _("Not there with a probability of {share} %").format(share=round(100 * quality.score))
    lines = [score, *map(reason_text, quality.reasons)]
    if quality.word != GOOD and quality.least_sure_lps is not None:
        lines.append(_("Click to see where it is least sure."))
    return "\n".join(lines)


def _segment_id(segmentation: Any, name: str, title: str) -> str:
    """The segment of an organ: by the organ's name, or by its title in a table that names no organs."""
    if segmentation is None:
        return ""
    if segmentation.GetSegmentation().GetSegment(name):
        return name
    return segmentation.GetSegmentation().GetSegmentIdBySegmentName(title) or ""


def _volume(volume_ml: float) -> str:
    return "< 0.1" if 0 < volume_ml < 0.05 else f"{volume_ml:.1f}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value == value else "–"
