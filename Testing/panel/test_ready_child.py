"""A child that waits for a run: there when it is wanted, and gone when it is not."""

from __future__ import annotations

import shutil
import sys

import pytest

from Testing.host import open_host
from Testing.panel.children import HANG, idle, nothing_left, processes_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left")


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


@pytest.fixture
def ready(host, temporary, child):
    from MISTKDSegmentLib.slicer.panel.ready_child import ReadyChild

    child(HANG)
    ready = ReadyChild()
    yield ready
    ready.drop()


def test_one_child_waits_however_often_it_is_asked_for(host, ready, temporary):
    ready.prepare()
    ready.prepare()
    host.pump(until=lambda: processes_in(temporary))
    idle(host, 0.1)
    assert len(processes_in(temporary)) == 1
    assert ready.isWaiting


def test_the_one_that_waits_is_handed_over_once(host, ready, temporary):
    ready.prepare()
    child = ready.take()
    assert child.isRunning
    assert not ready.isWaiting
    other = ready.take()
    assert other.job.folder != child.job.folder
    for each in (child, other):
        each.stop()
        each.job.remove()
    assert nothing_left(temporary)


def test_it_is_given_up_after_a_while(host, ready, temporary):
    ready = type(ready)(patience_ms=200)
    ready.prepare()
    host.pump(until=lambda: not ready.isWaiting)
    assert nothing_left(temporary)


def test_a_child_that_ends_by_itself_is_forgotten(host, ready, temporary, child):
    child("sys.exit(3)")
    ready.prepare()
    (folder,) = temporary.iterdir()
    (folder / "job.json").touch()
    host.pump(until=lambda: not ready.isWaiting)
    assert nothing_left(temporary)


def test_a_child_whose_folder_is_gone_is_not_handed_over(host, ready, temporary):
    ready.prepare()
    (folder,) = temporary.iterdir()
    shutil.rmtree(folder)
    child = ready.take()
    assert child.job.folder.is_dir()
    child.stop()
    child.job.remove()


def test_where_no_folder_can_be_made_none_waits_and_taking_one_says_why(host, ready, tmp_path):
    from MISTKDSegmentLib.errors import OutputError

    host.app.temporaryPath = str(tmp_path / "nowhere")
    ready.prepare()
    assert not ready.isWaiting
    with pytest.raises(OutputError, match="nowhere"):
        ready.take()
