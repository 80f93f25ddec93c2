"""The checklist of organs."""

from dataclasses import replace

import pytest

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS

NAMES = [label.name for label in ABDOMEN_LABELS]


@pytest.fixture
def widget(quiet_host):
    import qt
    return qt.QTableWidget()


@pytest.fixture
def changes():
    return []


@pytest.fixture
def organs(widget, changes):
    from MISTKDSegmentLib.slicer.panel.organ_list import OrganList
    organs = OrganList(widget)
    organs.changed.connect(lambda: changes.append(None))
    organs.show(ABDOMEN_LABELS, [])
    return organs


def item(widget, index):
    return widget.item(*divmod(index, widget.columnCount))


def unticked():
    import qt
    return qt.Qt.Unchecked


def test_all_organs_are_ticked_at_first(widget, organs):
    assert (widget.rowCount, widget.columnCount) == (4, 2)
    assert [item(widget, index).text() for index in (0, 2, 3)] == ["Aorta", "Left kidney", "Right kidney"]
    assert list(organs.ticked()) == NAMES
    assert organs.left_out() == []


def test_organs_left_out_are_shown_unticked_and_nobody_is_told(organs, changes):
    organs.show(ABDOMEN_LABELS, ["liver", "heart"])
    assert organs.left_out() == ["liver"]
    assert changes == []


def test_a_tick_of_the_user_is_told_once(widget, organs, changes):
    item(widget, 0).setCheckState(unticked())
    assert organs.left_out() == ["aorta"]
    assert len(changes) == 1


def test_all_and_none_tell_once(organs, changes):
    organs.tick(False)
    assert organs.ticked() == ()
    organs.tick(True)
    assert list(organs.ticked()) == NAMES
    assert len(changes) == 2


def test_another_model_brings_its_own_organs(widget, organs):
    organs.show(ABDOMEN_LABELS[:2], ["aorta"])
    assert [item(widget, index).text() for index in range(2)] == ["Aorta", "Gallbladder"]
    assert widget.rowCount == 1
    assert organs.ticked() == ("gallbladder",)


def test_each_organ_has_its_colour(widget, organs):
    image = item(widget, 4).icon().pixmap(8, 8).toImage()
    red, green, blue = ABDOMEN_LABELS[4].color
    assert image.pixel(4, 4) & 0xFFFFFF == red << 16 | green << 8 | blue


def test_the_list_is_as_high_as_its_rows_but_no_higher_than_eight(widget, organs):
    few = widget.height
    organs.show(ABDOMEN_LABELS[:2], [])
    assert widget.height < few
    many = [replace(label, name=f"{label.name}{n}") for n in range(5) for label in ABDOMEN_LABELS]
    organs.show(many, [])
    assert few < widget.height < 2.2 * few


def test_a_click_on_the_name_ticks_and_one_on_the_box_does_not_tick_twice(widget, organs):
    aorta = item(widget, 0)
    organs._remember(aorta)
    organs._clicked(aorta)
    assert organs.left_out() == ["aorta"]
    organs._remember(aorta)
    aorta.setCheckState(2)
    organs._clicked(aorta)
    assert organs.left_out() == []


def test_an_odd_number_of_organs_leaves_an_empty_cell(widget, organs):
    organs.show(ABDOMEN_LABELS[:3], ["left_kidney"])
    assert (widget.rowCount, widget.item(1, 1)) == (2, None)
    assert organs.left_out() == ["left_kidney"]


def test_long_names_are_shown_whole_in_one_column(widget, organs):
    long = replace(ABDOMEN_LABELS[0], name="portal_and_splenic_vein", title="Portal vein and splenic vein")
    organs.show([*ABDOMEN_LABELS, long], [])
    assert (widget.rowCount, widget.columnCount) == (9, 1)
    assert organs.left_out() == []
    organs.show(ABDOMEN_LABELS, [])
    assert widget.columnCount == 2
