"""The panel in a dock as narrow as Slicer opens it: everything can be read."""

import pytest

from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes

NARROW_PX = 280


@pytest.fixture
def ui(host):
    for name in ("resultsCollapsibleButton", "advancedCollapsibleButton"):
        getattr(host.widget.ui, name).collapsed = False
    host.window.resize(NARROW_PX, 1200)
    ct_node("scan")
    host.pump()
    return host.widget.ui


def room_and_need(widget, row, column, item, beside_px):
    """Pixels of a cell, and of the widest line of its text with what is beside it."""
    metrics = widget._inner.fontMetrics()
    need = max(metrics.horizontalAdvance(line) for line in item.text().split("\n")) + beside_px
    columns = range(column, column + widget.columnSpan(row, column))
    return sum(widget.columnWidth(each) for each in columns), need


def test_slicer_opens_it_narrow_and_it_needs_no_more(host):
    assert 270 <= host.panel.sizeHint().width() <= 284
    assert host.panel.minimumSizeHint().width() <= NARROW_PX


def test_the_organs_stand_in_two_columns_without_scrolling(ui):
    table = ui.organList
    assert table.columnCount == 2
    assert not table.verticalScrollBar().visible
    for row in range(4):
        for column in range(2):
            room, need = room_and_need(table, row, column, table.item(row, column), 48)
            assert room >= need, table.item(row, column).text()


def test_the_models_name_and_version_are_whole(ui):
    box = ui.modelComboBox._inner
    assert box.currentText().startswith("synapse-abdomen ")
    assert box.width() >= box.fontMetrics().horizontalAdvance(box.currentText()) + 34


def test_organs_numbers_and_flags_are_whole(host, ui):
    names = ("aorta", "gallbladder", "left_kidney", "right_kidney", "liver", "pancreas", "spleen", "stomach")
    rows = [organ_row(name, 19999.9, -1000.0, touches_edge=True) for name in names]
    panel = host.widget.panel
    panel.parameters.segmentation, panel.parameters.organTable = result_nodes(panel.parameters.inputVolume, rows)
    host.pump()
    table = ui.resultsTable
    seen = []
    for row in range(table.rowCount):
        for column in range(1, 4):
            item = table.item(row, column)
            if item is not None:
                room, need = room_and_need(table, row, column, item, 6 + (18 if item.icon().pixmap(8, 8) else 0))
                assert room >= need, item.text()
                seen.append(item.text())
    assert "⚠ cut by the field of view\n⚠ implausibly large" in seen
    assert table.columnWidth(0) >= table.cellWidget(0, 0)._inner.sizeHint().width()


def test_no_button_and_no_label_is_cut(host, ui):
    for name, widget in vars(ui).items():
        inner = getattr(widget, "_inner", None)
        if name.endswith(("Button", "CheckBox", "Label")) and inner is not None and inner.isVisibleTo(host.panel):
            assert inner.width() >= inner.minimumSizeHint().width(), name
