"""Standard output and standard error, which may be full, closed or read by nobody any more."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Optional, TextIO

from MISTKDSegmentLib.errors import OutputError


class Stream:
    """A stream that takes all that is written, and keeps the reason where it could not pass it on.

    Args:
        stream: where it goes; None where the process was started without it.

    Attributes:
        failure: why something was lost, or "".
    """

    def __init__(self, stream: Optional[TextIO]) -> None:
        self._stream = stream
        self.failure = ""

    def write(self, text: str) -> int:
        """Pass text on at once."""
        if self._stream is None:
            self.failure = "it is closed"
        elif not self.failure:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError) as error:
                self.failure = getattr(error, "strerror", None) or str(error)
                self._let_go()
        return len(text)

    def flush(self) -> None:
        """Everything has been passed on."""

    def check(self, remark: str) -> None:
        """Find out whether all could be written.

        Args:
            remark: end of the sentence, with what separates it.

        Raises:
            OutputError: something was lost.
        """
        if self.failure:
            raise OutputError(f"Standard output cannot be written ({self.failure}){remark}.")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _let_go(self) -> None:
        """Send what the stream still holds to nowhere, or Python would complain of it when the process ends."""
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # type: ignore[union-attr]  # see the line above
            os.close(nowhere)


def occupy_descriptors() -> None:
    """Put nothing where standard input, output or error is closed: the next file opened would take its place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
