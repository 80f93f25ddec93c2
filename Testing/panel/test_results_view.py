"""The table of results."""

from dataclasses import replace

import pytest

from MISTKDSegmentLib.report.quality import Quality
from Testing.panel.made_up_nodes import ct_node, organ_row, result_nodes

ORGAN, VOLUME, MEAN, QUALITY = 1, 2, 3, 4
UNSURE = Quality("look", 0.712, True, ("border unclear on 14 of 31 slices", "less of it than usual"), (1.0, 2.0, 9.0))
LOST = Quality("poor", 0.21, False, ("may be there all the same",), (4.0, 5.0, 6.0))


@pytest.fixture
def widget(host):
    import qt
    return qt.QTableWidget()


@pytest.fixture
def slider(host):
    import qt
    slider = qt.QSlider()
    slider.setMaximum(100)
    return slider


@pytest.fixture
def view(widget, slider):
    from MISTKDSegmentLib.slicer.panel.results_view import ResultsView
    return ResultsView(widget, slider)


def text(widget, row, column):
    item = widget.item(row, column)
    return item.text() if item is not None else None


def texts(widget):
    return [[text(widget, row, column) for column in (ORGAN, VOLUME, MEAN)] for row in range(widget.rowCount)]


def tick_box(widget, row):
    return widget.cellWidget(row, 0)


def test_rows_show_volume_and_mean_and_below_them_what_to_beware_of(widget, view):
    rows = [organ_row("liver", 1510.26, 101.6), organ_row("aorta", 9000.0, 150.0, touches_edge=True)]
    segmentation, table = result_nodes(ct_node(), rows)
    view.show(table, segmentation)
    assert texts(widget) == [["Liver", "1510.3", "102"], ["Aorta", "9000.0", "150"],
                             ["⚠ cut by the field of view\n⚠ implausibly large", None, None]]
    assert widget.columnSpan(2, ORGAN) == 4
    assert widget.item(2, ORGAN).toolTip() == "cut by the field of view, implausibly large"
    assert view.has_rows
    assert view.has_segments


def test_an_organ_that_was_not_found_has_no_mean_and_no_tick(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("spleen", 0.0, None, 0)])
    view.show(table, segmentation)
    assert texts(widget) == [["Spleen", "0.0", "–"], ["⚠ not found", None, None]]
    assert tick_box(widget, 0) is None
    assert view.has_rows
    assert not view.has_segments


@pytest.fixture
def judged(widget, view):
    """A good liver, a pancreas to look at, a gallbladder that was not found."""
    rows = [replace(organ_row("liver"), quality=Quality("good", 0.95)), replace(organ_row("pancreas"), quality=UNSURE),
            replace(organ_row("gallbladder", 0.0, None, 0), quality=LOST)]
    segmentation, table = result_nodes(ct_node(), rows)
    view.show(table, segmentation)
    return [number for number in range(widget.rowCount) if text(widget, number, QUALITY)]


def test_quality_has_a_word_a_colour_and_a_reason(widget, judged):
    assert [text(widget, number, QUALITY) for number in judged] == ["good", "look", "poor"]
    assert [widget.item(number, QUALITY).toolTip() for number in judged] == [
        "Expected Dice: 0.95",
        "Expected Dice: 0.71\nborder unclear on 14 of 31 slices\nless of it than usual\n"
        "Click to see where it is least sure.",
        "Not there with a probability of 21 %\nmay be there all the same\nClick to see where it is least sure."]
    assert len({widget.item(number, QUALITY).foreground().color().name() for number in judged}) == 3
    assert not widget.isColumnHidden(QUALITY)


def test_a_click_on_what_is_unsure_tells_the_place(widget, view, judged):
    clicked, places = [], []
    view.clicked.connect(clicked.append)
    view.unsure_clicked.connect(lambda *what: places.append(what))
    for number in judged:
        widget._inner.cellClicked.emit(number, QUALITY)
    assert clicked == ["liver"]
    assert places == [("pancreas", (1.0, 2.0, 9.0)), ("", (4.0, 5.0, 6.0))]


def test_a_model_that_does_not_say_has_no_column(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("liver")])
    view.show(table, segmentation)
    assert widget.isColumnHidden(QUALITY)


def test_no_table_shows_none(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("liver", touches_edge=True)])
    view.show(table, segmentation)
    view.show(None, None)
    assert widget.rowCount == 0
    assert not view.has_rows
    assert not view.has_segments


def test_a_table_of_somebody_else_is_not_mistaken_for_results(host, view):
    view.show(host.scene.AddNewNodeByClass("vtkMRMLTableNode"), None)
    assert not view.has_rows


def pixel(item):
    return item.icon().pixmap(8, 8).toImage().pixel(4, 4) & 0xFFFFFF


def test_the_swatch_follows_the_colour_of_the_segment(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("liver")])
    segmentation.GetSegmentation().GetSegment("liver").SetColor(0.0, 0.0, 1.0)
    view.show(table, segmentation)
    assert pixel(widget.item(0, ORGAN)) == 0x0000FF


def test_a_segment_that_was_renamed_is_still_that_organ(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("liver")])
    segment = segmentation.GetSegmentation().GetSegment("liver")
    segment.SetName("Liver, checked")
    segment.SetColor(0.0, 0.0, 1.0)
    view.show(table, segmentation)
    assert pixel(widget.item(0, ORGAN)) == 0x0000FF
    assert tick_box(widget, 0).checked


def test_a_table_of_an_earlier_version_finds_its_organs_by_their_titles(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("liver")])
    table.RemoveAttribute("MISTKDSegment.organs")
    view.show(table, segmentation)
    assert tick_box(widget, 0).checked


def test_surfaces_are_noticed(host, view):
    from MISTKDSegmentLib.slicer.scene.segmentation_node import show_3d
    segmentation, table = result_nodes(ct_node(), [organ_row("liver")])
    view.show(table, segmentation)
    assert not view.has_surfaces
    show_3d(segmentation, True)
    view.show(table, segmentation)
    assert view.has_surfaces


def test_ticks_show_what_is_shown_and_a_click_on_one_is_told(widget, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("liver", 1500.0), organ_row("spleen")])
    segmentation.GetDisplayNode().SetSegmentVisibility("spleen", False)
    view.show(table, segmentation)
    assert [tick_box(widget, row).checked for row in range(2)] == [True, False]
    heard = []
    view.ticked.connect(lambda *values: heard.append(values))
    view.clicked.connect(heard.append)
    tick_box(widget, 1).click()
    assert heard == [("spleen", True)]


def test_a_click_on_an_organ_or_on_its_flags_is_told(widget, view):
    rows = [organ_row("liver", touches_edge=True), organ_row("aorta", 0.0, None, 0)]
    segmentation, table = result_nodes(ct_node(), rows)
    view.show(table, segmentation)
    heard = []
    view.clicked.connect(heard.append)
    for row in range(widget.rowCount):
        widget._inner.cellClicked.emit(row, ORGAN)
    assert heard == ["liver", "liver"]  # there is no aorta to go to


def test_the_one_that_shines_is_marked(widget, view):
    from MISTKDSegmentLib.slicer.scene.organ_display import let_shine, show_alike
    rows = [organ_row("liver", 1500.0, touches_edge=True), organ_row("spleen")]
    segmentation, table = result_nodes(ct_node(), rows)
    plain = view.show(table, segmentation) or widget.item(0, ORGAN).background()
    let_shine(segmentation, "liver")
    view.show(table, segmentation)
    marked = [widget.item(row, ORGAN).background() != plain for row in range(3)]
    assert marked == [True, True, False]
    show_alike(segmentation)
    view.show(table, segmentation)
    assert widget.item(0, ORGAN).background() == plain


def test_the_slider_shows_the_opacity_and_tells_of_a_person_alone(slider, view):
    segmentation, table = result_nodes(ct_node(), [organ_row("liver")])
    segmentation.GetDisplayNode().SetOpacity(0.35)
    heard = []
    view.opacity_chosen.connect(heard.append)
    view.show(table, segmentation)
    assert (slider.value, heard) == (35, [])
    slider.setValue(80)
    assert heard == [0.8]


def shown_in_panel(host, rows, width=None):
    """The table of the panel with these rows, in a dock of that width."""
    ui = host.widget.ui
    ui.resultsCollapsibleButton.collapsed = False
    host.widget.panel.parameters.segmentation, host.widget.panel.parameters.organTable = result_nodes(ct_node(), rows)
    if width is not None:
        host.window.resize(width, 900)
    host.pump()
    return ui.resultsTable


def test_in_the_panel_the_table_is_as_high_as_its_rows(host):
    table = shown_in_panel(host, [organ_row(name, touches_edge=True) for name in ("liver", "spleen", "aorta")])
    host.pump(until=lambda: not table.verticalScrollBar().visible, timeout_s=5)
    assert table.viewport().height >= sum(table.rowHeight(row) for row in range(6))


def test_rows_keep_their_height_whatever_the_width_of_the_panel(host):
    table = shown_in_panel(host, [organ_row(name, 9000.0, touches_edge=True) for name in ("liver", "left_kidney")])
    heights = set()
    for width in (284, 340, 420, 600, 900, 420):
        host.window.resize(width, 900)
        host.pump()
        heights.add((table.rowHeight(0), table.rowHeight(1), table.height))
    assert len(heights) == 1


def test_specks_are_not_shown_as_nothing(host):
    rows = [organ_row("liver", 0.02), organ_row("spleen", 0.0, mean_hu=None, voxels=0)]
    table = shown_in_panel(host, rows)
    assert [line[1] for line in texts(table) if line[1]] == ["< 0.1", "0.0"]
