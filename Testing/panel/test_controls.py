"""Controls and their tooltips."""

from types import SimpleNamespace

import pytest


@pytest.fixture
def button(host):
    import qt
    button = qt.QPushButton("Segment")
    button.toolTip = "Find the organs <quickly>."
    return button


@pytest.fixture
def controls(button):
    from MISTKDSegmentLib.slicer.panel.controls import Controls
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


@pytest.fixture
def label(host):
    import qt
    return qt.QLabel()


def test_a_sentence_may_break_in_the_label_and_is_whole_in_its_tooltip(label):
    from MISTKDSegmentLib.slicer.panel.controls import Controls
    path = "/home/somebody/.config/a_folder_with_quite_a_long_name/<model>.onnx"
    Controls(SimpleNamespace(statusLabel=label)).say(path)
    assert label.text.replace("\u200b", "") == path != label.text
    assert label.toolTip == f"<p>{path.replace('<', '&lt;').replace('>', '&gt;')}</p>"


def connected(host, controls):
    return controls.connect(host.logic.getParameterNode())


def test_parameters_of_the_same_node_are_connected_once(host):
    controls = host.widget.panel.controls
    assert connected(host, controls) is connected(host, controls) is host.widget.panel.parameters


def test_a_pause_keeps_what_the_widgets_do_from_the_parameters(host):
    controls, threads = host.widget.panel.controls, host.widget.ui.threadsSpinBox
    controls.pause()
    threads.value = 5
    assert host.widget.panel.parameters.threads == 0
    connected(host, controls)
    assert threads.value == 0
    threads.value = 6
    assert host.widget.panel.parameters.threads == 6


def test_what_was_let_go_of_stays_as_it_is(host):
    host.widget.panel.controls.disconnect()
    host.widget.ui.threadsSpinBox.value = 5
    assert host.widget.panel.parameters.threads == 0
