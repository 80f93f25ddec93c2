"""The checklist of organs."""

from dataclasses import replace

import pytest

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS

NAMES = [label.name for label in ABDOMEN_LABELS]


@pytest.fixture
def widget(quiet_host):
    import qt
    return qt.QListWidget()


@pytest.fixture
def changes():
    return []


@pytest.fixture
def organs(widget, changes):
    from MISTKDSegmentLib.slicer.panel.organ_list import OrganList
    organs = OrganList(widget, lambda: changes.append(None))
    organs.show(ABDOMEN_LABELS, [])
    return organs


def unticked():
    import qt
    return qt.Qt.Unchecked


def test_all_organs_are_ticked_at_first(widget, organs):
    assert widget.count == 8
    assert widget.item(2).text() == "Left kidney"
    assert list(organs.ticked()) == NAMES
    assert organs.left_out() == []


def test_organs_left_out_are_shown_unticked_and_nobody_is_told(organs, changes):
    organs.show(ABDOMEN_LABELS, ["liver", "heart"])
    assert organs.left_out() == ["liver"]
    assert changes == []


def test_a_tick_of_the_user_is_told_once(widget, organs, changes):
    widget.item(0).setCheckState(unticked())
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
    assert [widget.item(row).text() for row in range(widget.count)] == ["Aorta", "Gallbladder"]
    assert organs.ticked() == ("gallbladder",)


def test_each_organ_has_its_colour(widget, organs):
    image = widget.item(4).icon().pixmap(8, 8).toImage()
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
    item = widget.item(0)
    organs._remember(item)
    organs._clicked(item)
    assert organs.left_out() == ["aorta"]
    organs._remember(item)
    item.setCheckState(2)
    organs._clicked(item)
    assert organs.left_out() == []
