"""Controls and their tooltips."""

from types import SimpleNamespace

import pytest


@pytest.fixture
def button(quiet_host):
    import qt
    button = qt.QPushButton("Segment")
    button.toolTip = "Find the organs <quickly>."
    return button


@pytest.fixture
def controls(button):
    from MISTKDSegmentLib.panel.controls import Controls
    return Controls(SimpleNamespace(segmentButton=button))


def test_tooltips_are_rich_text_so_that_their_lines_wrap(button, controls):
    assert button.toolTip == "<p>Find the organs &lt;quickly&gt;.</p>"


def test_a_reason_disables_and_is_said_in_the_tooltip(button, controls):
    controls.apply({"segmentButton": "No volume is chosen."})
    assert not button.enabled
    assert button.toolTip == "<p>Find the organs &lt;quickly&gt;.</p><p><b>No volume is chosen.</b></p>"


def test_without_a_reason_everything_is_as_it_was(button, controls):
    controls.apply({"segmentButton": "No volume is chosen."})
    controls.apply({"segmentButton": None})
    assert button.enabled
    assert button.toolTip == "<p>Find the organs &lt;quickly&gt;.</p>"
