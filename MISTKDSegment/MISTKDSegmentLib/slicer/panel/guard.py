"""Turns what goes wrong in a click into one sentence in the status line (touches slicer for translations alone)."""

from __future__ import annotations

import functools
import logging
import traceback
from typing import Any, Callable

from slicer.i18n import tr as _

from MISTKDSegmentLib.errors import SegmentError

_log = logging.getLogger(__name__)


def guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Let a method of an object with `say(sentence)` fail in words, with the detail in the Python log."""

    @functools.wraps(method)
    def call(self: Any, *arguments: Any) -> None:
        try:
            method(self, *arguments)
        except SegmentError as error:
            # Its sentence may name a node, and that may hold the name of a patient.
            _log.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
            self.say(str(error))
        except Exception as error:  # a slot has no caller: whatever went wrong, the user must hear of it
            _log.exception("An unexpected error.")
            self.say(_("Something went wrong that this module did not expect ({kind}); the Python log has the "
                       "details.").format(kind=type(error).__name__))

    return call
