"""Enumerators as numbers."""

from __future__ import annotations

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


def test_enumerators_combine_into_what_qt_takes():
    from PySide6 import QtCore

    from Testing.host import enums
    right = enums.from_qt(QtCore.Qt.AlignmentFlag.AlignRight)
    both = right | enums.from_qt(QtCore.Qt.AlignmentFlag.AlignTop)
    assert both.original == QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignTop
    assert both & right == right


def test_enumerators_of_different_enumerations_combine_into_a_number():
    from PySide6 import QtCore

    from Testing.host import enums
    mixed = enums.from_qt(QtCore.Qt.AlignmentFlag.AlignRight) | enums.from_qt(QtCore.Qt.KeyboardModifier.ShiftModifier)
    assert type(mixed) is int


def test_an_enumeration_makes_enumerators_of_numbers():
    from PySide6 import QtCore

    from Testing.host import enums
    made = enums.enum_class(QtCore.Qt.CheckState)(2)
    assert made == 2 and repr(made) == "Checked"
