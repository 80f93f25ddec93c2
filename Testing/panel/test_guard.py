"""What goes wrong in a click."""

import logging

import pytest

from MISTKDSegmentLib.errors import InputError


@pytest.fixture
def clicked(quiet_host):
    from MISTKDSegmentLib.slicer.panel.guard import guarded

    class Clicked:
        said = ""

        def say(self, sentence):
            self.said = sentence

        @guarded
        def do(self, error=None):
            if error is not None:
                raise error

    return Clicked()


def test_an_error_is_said_in_its_own_words(clicked):
    clicked.do(InputError("Miller^Anna is a label map; choose the CT."))
    assert clicked.said == "Miller^Anna is a label map; choose the CT."


def test_the_log_says_where_it_happened_but_names_no_patient(clicked, caplog):
    caplog.set_level(logging.ERROR)
    clicked.do(InputError("Miller^Anna is a label map; choose the CT."))
    assert "InputError" in caplog.text
    assert "in do" in caplog.text
    assert "Miller" not in caplog.text


def test_what_nobody_expected_is_a_sentence_too_and_the_log_has_all(clicked, caplog):
    clicked.do(KeyError("whatever"))
    assert "KeyError" in clicked.said
    assert "whatever" not in clicked.said
    assert "whatever" in caplog.text


def test_success_says_nothing(clicked):
    clicked.do()
    assert clicked.said == ""
