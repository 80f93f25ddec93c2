"""Messages without the application that translates them."""

import importlib
import sys
import types

from MISTKDSegmentLib.slicer.scene import translation


def test_without_the_application_messages_stay_english(monkeypatch):
    monkeypatch.setitem(sys.modules, "slicer.i18n", None)
    assert importlib.reload(translation)._("Organ") == "Organ"


def test_the_application_translates(monkeypatch):
    i18n = types.SimpleNamespace(tr=str.upper)
    monkeypatch.setitem(sys.modules, "slicer.i18n", i18n)
    assert importlib.reload(translation)._("Organ") == "ORGAN"
    monkeypatch.undo()
    importlib.reload(translation)
