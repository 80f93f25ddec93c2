"""PythonQt's manner: properties, refusals, enumerators, classes derived in Python."""

from __future__ import annotations

import pathlib

import pytest

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


@pytest.fixture
def qt(bare):
    import qt
    return qt


def test_properties_are_plain_attributes(qt):
    box = qt.QComboBox()
    box.addItems(["a", "b"])
    box.currentIndex = 1
    assert (box.currentIndex, box.currentText, box.count, box.enabled) == (1, "b", 2, True)


def test_calling_a_property_as_qt_for_python_would_is_refused(qt):
    with pytest.raises(TypeError, match="not callable"):
        qt.QLabel("text").text()


@pytest.mark.parametrize("name", ["setTextt", "isChekced", "clicked__", "iconn"])
def test_a_name_outside_the_file_is_refused_with_class_and_name(qt, name):
    with pytest.raises(AttributeError, match=rf"qt\.QPushButton has no attribute named '{name}'"):
        getattr(qt.QPushButton(), name)


def test_a_qt_6_method_that_qt_5_has_not_is_refused(qt):
    with pytest.raises(AttributeError, match="checkStateChanged"):
        qt.QCheckBox().checkStateChanged.connect(print)


def test_a_name_that_slicer_has_and_the_host_has_not_is_not_mistaken_for_one_that_works(qt):
    with pytest.raises(NotImplementedError, match=r"qt\.QSettings\.iniCodec exists in Slicer"):
        qt.QSettings().iniCodec()


def test_new_attributes_on_qt_objects_are_refused_but_not_on_classes_derived_in_python(qt):
    class Mine(qt.QLabel):
        pass
    mine = Mine("x")
    mine.extra = 3
    assert mine.extra == 3
    with pytest.raises(AttributeError, match="creating new attributes"):
        qt.QLabel("x").extra = 3


def test_methods_and_signals_cannot_be_overwritten(qt):
    with pytest.raises(AttributeError, match="Slot 'click'"):
        qt.QPushButton().click = 3


def test_a_read_only_property_cannot_be_set(qt):
    with pytest.raises(AttributeError, match=r"'width' of qt\.QLabel object is not writable"):
        qt.QLabel().width = 10


def test_a_value_of_the_wrong_type_is_refused(qt):
    with pytest.raises(AttributeError, match="'text' of type 'QString' does not accept"):
        qt.QLabel().text = None


def test_pathlib_paths_are_refused_as_pythonqt_does(qt):
    with pytest.raises(TypeError, match="pathlib"):
        qt.QLabel().setText(pathlib.Path("/tmp"))


def test_keyword_arguments_are_refused_as_pythonqt_does(qt):
    with pytest.raises(TypeError, match="keyword"):
        qt.QLabel(text="x")


def test_enumerators_are_numbers_that_can_be_combined(qt):
    both = qt.Qt.AlignRight | qt.Qt.AlignVCenter
    label = qt.QLabel("x")
    label.alignment = both
    assert label.alignment == both and int(both) == 0x82 and qt.QProcess.NotRunning == 0


def test_scoped_enumerators_of_qt_6_are_refused(qt):
    with pytest.raises(AttributeError):
        int(qt.Qt.CheckState.Checked)


def test_item_flags_are_changed_as_in_qt_5(qt):
    item = qt.QTableWidgetItem("liver")
    item.setFlags(item.flags() & ~qt.Qt.ItemIsEditable)
    item.setTextAlignment(int(qt.Qt.AlignRight))
    assert not item.flags() & qt.Qt.ItemIsEditable and item.text() == "liver"


def test_the_same_widget_is_found_again_as_the_same_object(qt):
    parent = qt.QWidget()
    child = qt.QLabel("x", parent)
    child.name = "inner"
    assert parent.findChild(qt.QLabel, "inner") is child and parent.inner is child
    assert child.parent() == parent and isinstance(child, qt.QWidget)


def test_virtual_functions_of_classes_derived_in_python_are_called_by_qt(qt, bare):
    closed = []

    class Window(qt.QWidget):
        def closeEvent(self, event):
            closed.append(event.type())
            qt.QWidget.closeEvent(self, event)
    window = Window()
    window.show()
    window.close()
    assert closed == [qt.QEvent.Close]


def test_a_destroyed_widget_says_so(qt):
    label = qt.QLabel("x")
    label.delete()
    assert not label
    with pytest.raises(ValueError, match="destroyed QLabel"):
        str(label.text)


def test_trailing_underscores_are_forgiven_for_methods(qt, bare):
    bare.dialogs.expect("sure", "Yes")
    box = qt.QMessageBox()
    box.text = "Are you sure?"
    box.setStandardButtons(qt.QMessageBox.Yes | qt.QMessageBox.No)
    assert box.exec_() == qt.QMessageBox.Yes
