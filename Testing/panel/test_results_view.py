"""The table of results."""

from pathlib import Path

import pytest

from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes


@pytest.fixture
def widget(host):
    import qt
    return qt.QTableWidget()


@pytest.fixture
def view(widget):
    from MISTKDSegmentLib.panel.results_view import ResultsView
    return ResultsView(widget)


def texts(widget):
    return [[widget.item(row, column).text() for column in range(4)] for row in range(widget.rowCount)]


def test_rows_show_volume_mean_and_what_to_beware_of(widget, view):
    rows = [organ_row("liver", 1510.26, 101.6), organ_row("aorta", 80.0, 150.0, touches_edge=True)]
    segmentation, table = result_nodes(ct_node(), rows)
    view.show(table, segmentation)
    assert texts(widget) == [["Liver", "1510.3", "102", ""], ["Aorta", "80.0", "150", "cut by the field of view"]]
    assert view.has_rows
    assert view.has_segments


def test_an_organ_that_was_not_found_has_no_mean(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("spleen", 0.0, None, 0)])
    view.show(table, segmentation)
    assert texts(widget) == [["Spleen", "0.0", "–", "not found"]]
    assert view.has_rows
    assert not view.has_segments


def test_no_table_shows_none(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("liver")])
    view.show(table, segmentation)
    view.show(None, None)
    assert widget.rowCount == 0
    assert not view.has_rows
    assert not view.has_segments


def test_a_table_of_somebody_else_is_not_mistaken_for_results(host, view):
    view.show(host.scene.AddNewNodeByClass("vtkMRMLTableNode"), None)
    assert not view.has_rows


def test_the_swatch_follows_the_colour_of_the_segment(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("liver")])
    segmentation.GetSegmentation().GetSegment("liver").SetColor(0.0, 0.0, 1.0)
    view.show(table, segmentation)
    assert widget.item(0, 0).icon().pixmap(8, 8).toImage().pixel(4, 4) & 0xFFFFFF == 0x0000FF


def test_surfaces_are_noticed(host, view):
    from MISTKDSegmentLib.scene.segmentation_node import show_3d
    segmentation, table = result_nodes(ct_node(), [organ_row("liver")])
    view.show(table, segmentation)
    assert not view.has_surfaces
    show_3d(segmentation, True)
    view.show(table, segmentation)
    assert view.has_surfaces


def test_in_the_panel_the_table_is_as_high_as_its_rows(host):
    table = host.widget.ui.resultsTable
    host.widget.ui.resultsCollapsibleButton.collapsed = False
    rows = [organ_row(name, touches_edge=True) for name in ("liver", "spleen", "aorta")]
    host.widget.panel.parameters.segmentation, host.widget.panel.parameters.organTable = result_nodes(ct_node(), rows)
    host.pump(until=lambda: not table.verticalScrollBar().visible, timeout_s=5)
    assert table.viewport().height >= sum(table.rowHeight(row) for row in range(3))


def test_every_flag_of_the_measurements_can_be_translated(host):
    from MISTKDSegmentLib.panel import results_view
    from MISTKDSegmentLib.table import FLAGS
    assert [results_view.flag_text(flag) for flag in FLAGS] == list(FLAGS)
    source = Path(results_view.__file__).read_text(encoding="utf-8")
    assert all(f'_("{flag}")' in source for flag in FLAGS)
