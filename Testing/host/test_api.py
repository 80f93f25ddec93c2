"""What the API file says of a class, and how signatures are compared."""

from __future__ import annotations

import pytest

from Testing.host import NEEDS_HOST, api

pytestmark = NEEDS_HOST


def test_a_widget_has_its_own_names_and_those_of_qwidget():
    combo = api.class_api("slicer.qMRMLNodeComboBox")
    assert "noneEnabled" in combo.properties and "toolTip" in combo.properties
    assert "currentNodeChanged(vtkMRMLNode*)" in combo.signals and "setMRMLScene(vtkMRMLScene*)" in combo.slots


def test_names_that_lost_their_b_in_the_file_are_mended():
    assert "bytesWritten(qlonglong)" in api.class_api("qt.QProcess").signals
    assert "browse()" in api.class_api("ctk.ctkPathLineEdit").slots


def test_a_class_that_slicer_does_not_show_has_no_api():
    assert api.class_api("slicer.qMRMLNoSuchWidget") is None


@pytest.mark.parametrize(("written", "compared"), [
    ("clicked( bool )", "clicked(bool)"),
    ("textChanged(const QString &)", "textChanged(QString)"),
    ("finished(int, QProcess::ExitStatus)", "finished(int,QProcess::ExitStatus)"),
    ("currentNodeChanged(vtkMRMLNode *)", "currentNodeChanged(vtkMRMLNode*)"),
])
def test_signatures_are_compared_as_qt_compares_them(written, compared):
    assert api.normalised(written) == compared
