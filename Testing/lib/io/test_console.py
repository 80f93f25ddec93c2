"""What libraries print does not reach the user's console."""

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor

from MISTKDSegmentLib.io.console import captured_stderr, silenced


def test_output_is_captured_and_the_console_comes_back(capfd):
    with captured_stderr() as printed:
        os.write(2, b"from a library")
        printed.seek(0)
        assert printed.read() == b"from a library"
    os.write(2, b"later")
    assert capfd.readouterr().err == "later"


def test_the_console_comes_back_after_an_exception(capfd):
    try:
        with captured_stderr():
            os.write(2, b"from a library")
            raise KeyError
    except KeyError:
        os.write(2, b"later")
    assert capfd.readouterr().err == "later"


def test_threads_capture_one_after_the_other_each_its_own(capfd):
    def captured(number):
        with captured_stderr() as printed:
            for _ in range(20):
                os.write(2, bytes([number]))
                time.sleep(0.0005)
            printed.seek(0)
            return printed.read()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(captured, b"abcdefgh")) == [bytes([number]) * 20 for number in b"abcdefgh"]
    os.write(2, b"later")
    assert capfd.readouterr().err == "later"


def test_loggers_are_silent_and_then_as_they_were(caplog):
    logger = logging.getLogger("made.up")
    logger.setLevel(logging.INFO)
    with silenced("made.up"):
        logger.critical("inside")
    logger.info("after")
    assert [record.getMessage() for record in caplog.records] == ["after"]
