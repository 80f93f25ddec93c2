"""Folding and unfolding."""

from __future__ import annotations

import pytest

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


@pytest.fixture
def folder(bare):
    import ctk
    import qt
    button = ctk.ctkCollapsibleButton()
    button.text = "Advanced"
    layout = qt.QVBoxLayout(button)
    layout.addWidget(qt.QLabel("inside"))
    button.show()
    return button


def label_of(button):
    import qt
    return button.findChild(qt.QLabel)


def test_folding_hides_what_is_inside_and_is_told(folder):
    told = []
    folder.connect("contentsCollapsed(bool)", told.append)
    folder.collapsed = True
    assert not label_of(folder).visible and told == [True] and folder.checked is False
    folder.collapsed = False
    assert label_of(folder).visible and told == [True, False]


def test_a_folded_button_is_as_high_as_its_bar(folder):
    opened = folder.sizeHint.height()
    folder.collapsed = True
    assert folder.sizeHint.height() < opened


def test_a_child_that_code_hid_before_stays_hidden_when_unfolded(folder):
    label_of(folder).setVisible(False)
    folder.collapsed = True
    folder.collapsed = False
    assert not label_of(folder).visible


def test_a_child_shown_while_folded_appears_only_when_unfolded(folder):
    label_of(folder).setVisible(False)
    folder.collapsed = True
    label_of(folder).setVisible(True)
    assert not label_of(folder).visible
    folder.collapsed = False
    assert label_of(folder).visible
