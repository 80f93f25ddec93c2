"""Signals, slots, timers and child processes, and exceptions in them."""

from __future__ import annotations

import functools
import sys

import pytest

from Testing.host import NEEDS_HOST
from Testing.host.fixture import open_host

pytestmark = NEEDS_HOST


@pytest.fixture
def qt(bare):
    import qt
    return qt


def test_the_signature_decides_how_many_arguments_arrive(qt):
    got = []
    button = qt.QPushButton()
    button.connect("clicked()", lambda *args: got.append(args))
    button.connect("clicked(bool)", lambda *args: got.append(args))
    button.click()
    assert sorted(got, key=len) == [(), (False,)]


def test_arguments_that_a_function_has_no_place_for_are_left_out(qt):
    got = []
    spin = qt.QSpinBox()
    spin.connect("valueChanged(int)", lambda: got.append("none"))
    spin.connect("valueChanged(int)", lambda value=0: got.append(value))
    spin.value = 7
    assert got == ["none", 7]


def test_other_callables_get_every_argument(qt):
    got = []
    spin = qt.QSpinBox()
    spin.connect("valueChanged(int)", functools.partial(got.append))
    spin.value = 7
    assert got == [7]


def test_a_signal_attribute_connects_the_overload_that_is_listed_first(qt):
    got = []
    combo = qt.QComboBox()
    combo.currentIndexChanged.connect(got.append)
    combo.addItem("a")
    assert got == [0]


def test_overloads_of_qt_5_work(qt):
    got = []
    combo = qt.QComboBox()
    combo.connect("currentIndexChanged(QString)", got.append)
    combo.addItem("a")
    assert got == ["a"]


def test_a_signal_that_does_not_exist_is_refused(qt):
    with pytest.raises(AttributeError, match=r"'clicked\(int\)' does not exist on qt.QPushButton"):
        qt.QPushButton().connect("clicked(int)", print)


def test_disconnecting_ends_the_calls(qt):
    got = []
    button = qt.QPushButton()
    button.connect("clicked()", got.append)
    assert button.disconnect("clicked()", got.append)
    assert not button.disconnect("clicked()", got.append)
    button.click()
    assert got == []


def test_slots_of_other_objects_can_be_named(qt):
    label = qt.QLabel("x")
    button = qt.QPushButton()
    button.connect("clicked()", label, "clear()")
    button.click()
    assert label.text == ""
    with pytest.raises(AttributeError, match="slot 'vanish"):
        button.connect("clicked()", label, "vanish()")


def test_a_child_process_really_runs(qt, bare):
    lines, ends = [], []
    process = qt.QProcess()
    process.connect("readyReadStandardOutput()", lambda: lines.append(process.readAllStandardOutput().data()))
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: ends.append((code, status)))
    process.start(sys.executable, ["-c", "print('hello'); raise SystemExit(3)"])
    bare.pump(until=lambda: ends, timeout_s=20)
    assert b"".join(lines).strip() == b"hello"
    assert ends == [(3, qt.QProcess.NormalExit)] and process.state() == qt.QProcess.NotRunning


def test_a_program_that_is_not_there_gives_an_error(qt, bare):
    errors = []
    process = qt.QProcess()
    process.connect("errorOccurred(QProcess::ProcessError)", errors.append)
    process.start("/no/such/program", [])
    bare.pump(until=lambda: errors, timeout_s=10)
    assert errors == [qt.QProcess.FailedToStart]


def test_python_slicer_on_the_path_is_this_python(bare, qt):
    import shutil
    ends = []
    process = qt.QProcess()
    process.connect("finished(int)", ends.append)
    process.start(shutil.which("PythonSlicer"), ["-c", "import sys; print(sys.prefix)"])
    bare.pump(until=lambda: ends, timeout_s=20)
    assert process.readAllStandardOutput().data().decode().strip() == sys.prefix


def test_a_child_process_that_nobody_ends_fails_the_test_that_started_it():
    host = open_host(None)
    import qt
    process = qt.QProcess()
    process.start(sys.executable, ["-c", "import time; time.sleep(60)"])
    with pytest.raises(AssertionError, match="still running"):
        host.close()


def test_single_shots_come_and_those_of_a_closed_host_do_not(bare):
    import qt
    got = []
    qt.QTimer.singleShot(0, lambda: got.append("first"))
    bare.pump(until=lambda: got)
    qt.QTimer.singleShot(1500, lambda: got.append("late"))
    bare.close()
    with open_host(None) as other, pytest.raises(TimeoutError):
        other.pump(until=lambda: len(got) > 1, timeout_s=2.0)


def test_an_exception_in_a_slot_fails_the_test_that_made_it():
    host = open_host(None)
    import qt
    button = qt.QPushButton()
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        host.close()


def test_an_exception_in_an_observer_fails_the_test_that_made_it():
    host = open_host(None)

    def observer(caller, event):
        raise LookupError("in an observer")
    host.scene.AddObserver("ModifiedEvent", observer)
    host.scene.Modified()
    host.scene.RemoveAllObservers()
    with pytest.raises(AssertionError, match="in an observer"):
        host.close()
