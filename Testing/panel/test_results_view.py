"""The table of results."""


import pytest

from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes


@pytest.fixture
def widget(host):
    import qt
    return qt.QTableWidget()


@pytest.fixture
def view(widget):
    from MISTKDSegmentLib.slicer.panel.results_view import ResultsView
    return ResultsView(widget)


def texts(widget):
    return [[widget.item(row, column).text().replace("\n", " ") for column in range(4)]
            for row in range(widget.rowCount)]


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
    from MISTKDSegmentLib.slicer.scene.segmentation_node import show_3d
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


def test_the_words_of_the_flags_are_whole_in_a_narrow_panel(host, tmp_path):
    table = host.widget.ui.resultsTable
    host.widget.ui.resultsCollapsibleButton.collapsed = False
    rows = [organ_row(name, 9000.0, touches_edge=True) for name in ("liver", "left_kidney")]
    host.widget.panel.parameters.segmentation, host.widget.panel.parameters.organTable = result_nodes(ct_node(), rows)
    host.window.resize(380, 900)
    host.pump()
    words = [word for row in range(2) for word in table.item(row, 3).text().split()]
    assert "implausibly" in words
    assert table.columnWidth(3) >= max(table._inner.fontMetrics().horizontalAdvance(word) for word in words) + 8
    assert table.item(0, 3).toolTip() == table.item(0, 3).text().replace("\n", " ")


def test_rows_keep_their_height_whatever_the_width_of_the_panel(host):
    table = host.widget.ui.resultsTable
    host.widget.ui.resultsCollapsibleButton.collapsed = False
    rows = [organ_row(name, 9000.0, touches_edge=True) for name in ("liver", "left_kidney")]
    host.widget.panel.parameters.segmentation, host.widget.panel.parameters.organTable = result_nodes(ct_node(), rows)
    heights = set()
    for width in (360, 420, 480, 600, 900, 420):
        host.window.resize(width, 900)
        host.pump()
        heights.add((table.rowHeight(0), table.height))
    assert len(heights) == 1


def test_specks_are_not_shown_as_nothing(host):
    rows = [organ_row("liver", 0.02), organ_row("spleen", 0.0, mean_hu=None, voxels=0)]
    host.widget.panel.parameters.segmentation, host.widget.panel.parameters.organTable = result_nodes(ct_node(), rows)
    host.pump()
    assert [line[1] for line in texts(host.widget.ui.resultsTable)] == ["< 0.1", "0.0"]
