"""Dialogs: announced ones are answered, others fail."""

from __future__ import annotations

import pytest

from Testing.host import NEEDS_HOST
from Testing.host.fixture import open_host

pytestmark = NEEDS_HOST


def test_an_announced_question_is_answered(bare):
    import slicer
    bare.dialogs.expect("go on", "No")
    assert slicer.util.confirmYesNoDisplay("Shall we go on?") is False
    assert bare.dialogs.shown[0].text == "Shall we go on?" and bare.dialogs.outstanding == []


def test_a_dialog_that_nobody_announced_fails_the_test():
    host = open_host(None)
    import slicer
    with pytest.raises(AssertionError, match="did not announce"):
        slicer.util.errorDisplay("Surprise")
    with pytest.raises(AssertionError, match="Surprise"):
        host.close()


def test_an_answer_that_the_dialog_has_no_button_for_is_refused(bare):
    import slicer
    bare.dialogs.expect("Note", "Perhaps")
    with pytest.raises(AssertionError, match="no button 'Perhaps'"):
        slicer.util.infoDisplay("Note")


def test_file_dialogs_return_a_string_as_pythonqt_does(bare):
    import qt
    bare.dialogs.expect("Choose", "/data/model.zip", kind="getOpenFileName")
    bare.dialogs.expect("Choose", "", kind="getExistingDirectory")
    assert qt.QFileDialog.getOpenFileName(None, "Choose a model", "", "*.zip") == "/data/model.zip"
    assert qt.QFileDialog.getExistingDirectory(None, "Choose a folder") == ""


def test_own_buttons_are_pressed_by_their_text(bare):
    import qt
    box = qt.QMessageBox()
    box.text = "Install?"
    other = box.addButton("From a file…", qt.QMessageBox.ActionRole)
    box.addButton(qt.QMessageBox.Cancel)
    bare.dialogs.expect("Install?", "From a file…")
    box.exec()
    assert box.clickedButton() == other


def test_the_answer_may_look_at_the_dialog(bare):
    import qt
    seen = []
    bare.dialogs.expect("Install", lambda dialog: seen.append(dialog.detailedText()) or "Ok")
    box = qt.QMessageBox()
    box.text, box.detailedText = "Install", "twelve megabytes"
    box.exec_()
    assert seen == ["twelve megabytes"]


def test_in_testing_mode_slicer_asks_nobody():
    with open_host(None, testing=True) as host:
        import slicer
        slicer.util.errorDisplay("Nobody reads this")
        # Slicer's own function compares True with the button's number, so testing mode says no.
        assert slicer.util.confirmOkCancelDisplay("Sure?") is False
        assert host.dialogs.shown == []


def test_status_messages_are_written_down(bare):
    import slicer
    slicer.util.showStatusMessage("Segmenting…")
    assert bare.dialogs.status_messages == ["Segmenting…"]


def test_web_pages_are_not_opened_but_written_down(bare):
    import qt
    qt.QDesktopServices.openUrl(qt.QUrl("https://doi.org/10.1145/3596286.3596292"))
    assert bare.dialogs.opened_urls == ["https://doi.org/10.1145/3596286.3596292"]
