"""CTK's buttons, combo boxes and path fields."""

from __future__ import annotations

import pytest

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


@pytest.fixture
def ctk(bare):
    import ctk
    return ctk


def test_a_path_field_asks_for_a_file(ctk, bare):
    got = []
    field = ctk.ctkPathLineEdit()
    field.connect("currentPathChanged(QString)", got.append)
    bare.dialogs.expect("file", "/models/abdomen.zip", kind="getOpenFileName")
    field.browse()
    assert got == ["/models/abdomen.zip"] and field.currentPath == "/models/abdomen.zip"


def test_a_directory_button_keeps_its_folder_when_cancelled(ctk, bare):
    button = ctk.ctkDirectoryButton()
    button.directory = "/models"
    bare.dialogs.expect("folder", "", kind="getExistingDirectory")
    button.browse()
    assert button.directory == "/models"


def test_ticked_lines_of_a_checkable_combo_box_are_found(ctk, bare):
    import qt
    box = ctk.ctkCheckableComboBox()
    box.addItems(["liver", "spleen"])
    model = box.checkableModel()
    box.setCheckState(model.index(1, 0), qt.Qt.Checked)
    assert [index.row() for index in box.checkedIndexes()] == [1] and not box.allChecked()


def test_a_colour_button_tells_a_new_colour(ctk, bare):
    import qt
    got = []
    button = ctk.ctkColorPickerButton()
    button.connect("colorChanged(QColor)", lambda color: got.append(color.name()))
    button.color = qt.QColor(255, 0, 0)
    assert got == ["#ff0000"]
