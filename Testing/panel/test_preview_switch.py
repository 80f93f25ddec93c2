"""The preview follows the parameters: a stand-in for it notes when it is started and stopped."""

import pytest

from MISTKDSegmentLib.errors import InputError
from Testing.panel.made_up_nodes import ct_node


class Preview:
    problem = None

    def __init__(self, logic, volume, bundle, organs, threads, onStatus, onStopped):
        self.volume, self.organs, self.on_stopped, self.is_on = volume, organs, onStopped, False

    def start(self):
        if self.problem:
            raise self.problem
        self.is_on = True

    def stop(self):
        self.is_on = False


@pytest.fixture
def started(panel, monkeypatch):
    """Every preview that was started."""
    from MISTKDSegmentLib.slicer.panel import preview_switch

    started = []

    def preview(*args, **options):
        started.append(Preview(*args, **options))
        return started[-1]

    monkeypatch.setattr(preview_switch, "SlicePreview", preview)
    return started


@pytest.fixture
def panel(host):
    ct_node("scan")
    host.pump()
    return host.widget.panel


@pytest.fixture
def on(host, panel, started):
    host.widget.ui.previewCheckBox.checked = True
    host.pump(until=lambda: started, timeout_s=5)
    return started[0]


def test_ticking_starts_and_unticking_stops(host, panel, on):
    assert on.volume is panel.parameters.inputVolume
    assert len(on.organs) == 8
    host.widget.ui.previewCheckBox.checked = False
    assert not on.is_on


def test_several_ticks_of_organs_start_it_anew_once(host, panel, started, on):
    panel.parameters.leftOutOrgans = ["liver"]
    panel.parameters.leftOutOrgans = ["liver", "aorta"]
    assert not on.is_on
    host.pump(until=lambda: len(started) > 1, timeout_s=5)
    assert len(started) == 2
    assert len(started[1].organs) == 6


def test_what_it_does_not_show_leaves_it_alone(host, panel, started, on):
    panel.parameters.postprocess = False
    host.pump()
    assert on.is_on
    assert len(started) == 1


def test_it_stops_while_another_module_is_shown(host, started, on):
    host.widget.exit()
    assert not on.is_on
    host.widget.enter()
    host.pump(until=lambda: len(started) > 1, timeout_s=5)
    assert started[1].is_on


def test_it_stops_when_the_scene_closes(host, panel, on):
    host.close_scene()
    host.pump()
    assert not on.is_on
    assert not panel.parameters.preview


def test_it_unticks_itself_and_says_why_when_it_goes_off(host, panel, on):
    on.on_stopped("The preview was switched off: the disk is full.")
    assert not panel.parameters.preview
    assert host.widget.ui.statusLabel.text == "The preview was switched off: the disk is full."


def test_one_that_cannot_start_is_said(host, panel, started, monkeypatch):
    monkeypatch.setattr(Preview, "problem", InputError("The scan is sheared; resample it."))
    panel.parameters.preview = True
    host.pump(until=lambda: not panel.parameters.preview, timeout_s=5)
    assert host.widget.ui.statusLabel.text == "The scan is sheared; resample it."


def test_it_goes_off_when_the_whole_volume_is_segmented(host, panel, on):
    host.click("segmentButton")
    assert not on.is_on
    assert not panel.parameters.preview
    host.click("segmentButton")
