"""What the status line says, and for how long."""

import pytest


@pytest.fixture
def line(quiet_host):
    from MISTKDSegmentLib.slicer.panel.status_line import StatusLine
    return StatusLine()


def test_nothing_was_said_at_first(line):
    assert line.sentence("ready") == ""


def test_a_sentence_stays_while_nothing_changes(line):
    line.sentence("ready")
    line.say("Cancelled.")
    assert [line.sentence("as it was") for _ in range(3)] == ["Cancelled."] * 3


def test_a_change_ends_it_for_good(line):
    line.say("Cancelled.")
    line.sentence("as it was")
    assert line.sentence("other") == ""
    assert line.sentence("as it was") == ""


def test_what_is_said_next_is_news_again(line):
    line.say("Cancelled.")
    line.sentence("as it was")
    line.say("Done.")
    assert line.sentence("other") == "Done."
