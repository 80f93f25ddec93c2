"""The host's life: opening, closing without a trace, a module's stages."""

from __future__ import annotations

import importlib
import os
import sys

import numpy as np
import pytest

from Testing.host import NEEDS_HOST
from Testing.host.fixture import open_host
from Testing.host.small_panel import write_small_panel

pytestmark = NEEDS_HOST


def volume(name="CT"):
    import slicer
    voxels = np.full((20, 30, 30), -1000, np.int16)
    voxels[5:15, 8:22, 8:22] = 60
    return slicer.util.addVolumeFromArray(voxels, ijkToRAS=np.diag([-5.0, -5.0, 5.0, 1.0]), name=name)


def test_nothing_is_left_when_a_host_closes():
    import slicer
    before, path, hook = set(vars(slicer)), os.environ["PATH"], sys.excepthook
    with open_host(None):
        assert not hasattr(slicer, "arrayFromVolume"), "slicer-core shows these, Slicer does not"
        assert slicer.app.applicationVersion.startswith("5.12")
    assert set(vars(slicer)) == before and slicer.util.__name__ == "slicer.util" and hasattr(slicer.util, "LazyImport")
    assert not {"qt", "ctk", "SampleData", "slicer.parameterNodeWrapper"} & set(sys.modules)
    assert os.environ["PATH"] == path and sys.excepthook is hook
    with pytest.raises(ImportError):
        importlib.import_module("qt")


def test_hosts_can_be_opened_one_after_another_in_one_process(tmp_path):
    path = write_small_panel(tmp_path / "SmallPanel")
    for _ in range(3):
        with open_host(path) as host:
            node = volume()
            assert host.ui.volumeSelector.currentNode() is node


def test_two_hosts_at_once_are_refused(bare):
    with pytest.raises(AssertionError, match="open already"):
        open_host(None)


def test_a_module_that_fails_to_open_leaves_nothing_behind(tmp_path):
    path = tmp_path / "Broken.py"
    path.write_text("import qt\nraise ArithmeticError('at import')\n", encoding="utf-8")
    with pytest.raises(ArithmeticError):
        open_host(path)
    assert "qt" not in sys.modules and "Broken" not in sys.modules
    with open_host(None):
        pass


@pytest.mark.parametrize(("owner", "name"), [
    ("slicer.app", "mainWindow"), ("slicer.util", "arrayFromNode"), ("slicer.modules", "totalsegmentator"),
    ("slicer.parameterNodeWrapper", "parameterWrapper"), ("slicer.packaging", "pip"), ("qt", "QSignalBlocker"),
    ("ctk", "ctkNoSuchWidget"), ("slicer.i18n", "gettext"), ("SampleData", "download")])
def test_names_that_slicer_has_not_are_refused(bare, owner, name):
    root, *rest = owner.split(".")
    found = importlib.import_module(root)
    for part in rest:
        found = getattr(found, part)
    with pytest.raises(AttributeError, match=name):
        getattr(found, name)


def test_the_module_lives_through_its_stages(tmp_path):
    host = open_host(write_small_panel(tmp_path / "SmallPanel"))
    widget = host.widget
    host.leave_module()
    host.return_to_module()
    host.quit()
    assert widget.calls == ["enter", "exit", "enter", "exit", "cleanup", "closed"][:5]


def test_a_module_is_entered_after_it_is_set_up_and_until_another_one_is_opened(small):
    assert small.widget.parent.isEntered
    small.leave_module()
    assert not small.widget.parent.isEntered


def test_the_dock_is_as_wide_as_the_panel_hints_each_time_the_module_is_opened(small):
    hint = small.panel.sizeHint().width()
    assert small.window.width() == hint + 3
    small.window.resize(hint + 200, 900)
    small.leave_module()
    small.return_to_module()
    assert small.window.width() == hint + 3


def test_another_module_is_opened_through_the_selector_and_ours_is_left(small):
    import slicer
    assert small.selected_module == "SmallPanel"
    slicer.util.selectModule("SegmentEditor")
    assert small.selected_module == "SegmentEditor"
    assert not small.widget.parent.isEntered
    slicer.util.selectModule("SmallPanel")
    assert small.widget.parent.isEntered


def test_a_module_that_slicer_does_not_have_cannot_be_opened(small):
    small.window.moduleSelector().selectModule("NoSuchModule")
    assert "NoSuchModule" in small.slot_errors.pop()


def test_clicking_calls_the_slot_and_refuses_what_a_user_could_not_click(small):
    small.click("applyButton")
    assert small.widget.calls[-1] == ("apply", False)
    small.ui.applyButton.enabled = False
    with pytest.raises(AssertionError, match="disabled"):
        small.click("applyButton")


def test_closing_the_scene_is_told_to_the_module(small):
    volume()
    small.close_scene()
    assert "closed" in small.widget.calls and small.ui.volumeSelector.currentNode() is None


def test_reloading_makes_a_new_panel_and_cleans_the_old_one_up(small):
    old = small.widget
    new = small.reload()
    assert new is not old and old.calls[-1] == "cleanup"
    volume()
    assert new.ui.volumeSelector.currentNode() is not None
    small.click("applyButton")
    assert new.calls == [("apply", False)]


def test_the_modules_own_test_runs(small):
    import slicer
    small.run_module_test()
    assert slicer.tested
    del slicer.tested


def test_settings_are_kept_in_the_hosts_own_folder(bare):
    import qt
    import slicer
    slicer.app.userSettings().setValue("MISTKDSegment/Folder", "/models")
    slicer.app.userSettings().sync()
    assert qt.QSettings().value("MISTKDSegment/Folder") == "/models"
    assert str(bare.folder) in slicer.app.slicerUserSettingsFilePath


def test_a_module_is_cleaned_up_when_slicer_quits_from_another_one(tmp_path):
    host = open_host(write_small_panel(tmp_path / "SmallPanel"))
    widget = host.widget
    host.leave_module()
    host.quit()
    assert widget.calls == ["enter", "exit", "cleanup"]
