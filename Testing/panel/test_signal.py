"""Signals: who is called with what."""

import pytest


@pytest.fixture
def signal(quiet_host):
    from MISTKDSegmentLib.slicer.panel.signal import Signal
    return Signal()


def test_all_are_called_in_their_order_with_the_same_values(signal):
    heard = []
    signal.connect(lambda *values: heard.append(("first", values)))
    signal.connect(lambda *values: heard.append(("second", values)))
    signal.emit("liver", True)
    signal.emit()
    assert heard == [("first", ("liver", True)), ("second", ("liver", True)), ("first", ()), ("second", ())]


def test_nobody_need_listen(signal):
    signal.emit(1)


def test_who_is_connected_by_a_slot_is_called_the_next_time(signal):
    heard = []
    signal.connect(lambda: signal.connect(lambda: heard.append("new")))
    signal.emit()
    assert heard == []
    signal.emit()
    assert heard == ["new"]
