"""What the child process tells the window: one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Optional, Union

from MISTKDSegmentLib.inference.progress import Filled, Progress
from MISTKDSegmentLib.model.bundle import parse_label
from MISTKDSegmentLib.report.quality import Quality
from MISTKDSegmentLib.report.table import OrganRow

KEY = "mistkd"  # tells our lines from what libraries print
LONGEST_LINE = 1 << 20  # bytes; ours are far shorter


@dataclass(frozen=True)
class Started:
    """The scan is read and the model loaded; `slices_total` is 0 in a preview, which now takes requests."""

    slices_total: int


@dataclass(frozen=True)
class SliceDone:
    """A preview request is answered; `filled` as in `Progress`."""

    number: int
    filled: Optional[Filled] = None


@dataclass(frozen=True)
class Done:
    """The labels are complete.

    Attributes:
        rows: what was measured of each organ.
        doubts: what makes the result as a whole doubtful: each a few words, such as "Orientation unclear", and their
            explanation, a sentence or two that say what to do.
    """

    rows: tuple[OrganRow, ...]
    doubts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Failed:
    """The run is over without a result.

    Attributes:
        kind: "input", "model", "output", "memory", "onnxruntime" or "unexpected".
        sentence: for the user.
        detail: for the log.
    """

    kind: str
    sentence: str
    detail: str = ""


Message = Union[Started, Progress, SliceDone, Done, Failed]
_KINDS = {kind.__name__: kind for kind in (Started, Progress, SliceDone, Done, Failed)}


def encode(message: Message) -> str:
    """The message as one line, without its end."""
    return json.dumps({KEY: type(message).__name__, **asdict(message)})


def decode(line: bytes) -> Optional[Message]:
    """The message in a line; None where it holds none of ours."""
    try:
        content = json.loads(line.decode("utf-8"))
        kind = _KINDS[content.pop(KEY)]
        return kind(**{name: _part(name, value) for name, value in content.items()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _part(name: str, value: Any) -> Any:
    if name == "filled" and value is not None:
        return Filled(**value)
    if name == "rows":
        return tuple(OrganRow(**{**row, "label": parse_label(row["label"]),
                                 "quality": Quality.from_plain(row["quality"])}) for row in value)
    if name == "doubts":
        return tuple((str(short), str(why)) for short, why in value)
    return value


class Lines:
    """Messages out of a stream that arrives in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest if len(rest) <= LONGEST_LINE else b""
        return [message for message in map(decode, lines) if message is not None]
