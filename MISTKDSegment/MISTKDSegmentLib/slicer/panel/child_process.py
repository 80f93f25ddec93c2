"""The child process that does the work, from start to end (touches qt and slicer)."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional

import qt
import slicer
from slicer.i18n import tr as _

from MISTKDSegmentLib.child.job import Job
from MISTKDSegmentLib.child.messages import Done, Failed, Lines
from MISTKDSegmentLib.slicer.panel.installation import cannot_be_loaded
from MISTKDSegmentLib.slicer.panel.signal import Signal
from MISTKDSegmentLib.slicer.panel.sudden_end import SuddenEnd
from MISTKDSegmentLib.slicer.panel.timer import Timer

KILL_WAIT_MS = 300
_MODULE_FOLDER = Path(__file__).resolve().parents[3]
_log = logging.getLogger(__name__)


def python_program() -> str:
    """Slicer's Python as a program: PythonSlicer, which is on the path inside Slicer."""
    name = "PythonSlicer.exe" if os.name == "nt" else "PythonSlicer"
    return shutil.which("PythonSlicer") or str(Path(sys.executable).with_name(name))


class ChildProcess:
    """One run of the child; every call and every signal is on the main thread.

    Args:
        job: the folder that it works in; it waits where there is no scan in it yet.

    Attributes:
        job: as above.
        said: emitted with each message that the child prints.
        ended: emitted once when the child is gone, unless `stop` was called: with None after Done or Failed, else with
            one sentence that says what happened to it.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.said, self.ended = job, Signal(), Signal()
        self._process: Any = None
        self._reading = False
        self._connections: list[tuple[str, Callable]] = []
        self._lines, self._said_last, self._error_text = Lines(), False, b""
        self._sudden_end = SuddenEnd(job)

    def start(self) -> None:
        """Start the child, once; returns at once, and signals from the event loop only."""
        # The application owns it: a QProcess that Python deletes inside its own signal takes Slicer down.
        self._process = qt.QProcess(slicer.app)
        self._process.setWorkingDirectory(str(_MODULE_FOLDER))
        self._connect("readyReadStandardOutput()", self._read)
        self._connect("readyReadStandardError()", self._read_errors)
        self._connect("finished(int,QProcess::ExitStatus)", self._finished)
        self._connect("errorOccurred(QProcess::ProcessError)", self._failed)
        program, *arguments = self.job.command(python_program())
        self._process.start(program, arguments)

    @property
    def isRunning(self) -> bool:
        """Whether the child's end has not been told yet."""
        return self._process is not None

    def stop(self) -> None:
        """End the child at once, without a further signal; harmless when it has ended."""
        if self._process is None:
            return
        process = self._release()
        try:
            # PythonSlicer may be a launcher: killing it does not reach the Python behind it, which obeys this.
            self.job.stop()
        except OSError:
            _log.exception("The segmentation process could not be told to end; it does so when its folder is deleted.")
        process.kill()
        if not self._reading:  # to wait inside a signal of its own would pull the ground from under the process
            # Dying takes milliseconds; then its files are free to be deleted, and quitting need not wait for it.
            process.waitForFinished(KILL_WAIT_MS)

    def _connect(self, name: str, slot: Callable) -> None:
        self._process.connect(name, slot)
        self._connections.append((name, slot))

    def _release(self) -> Any:
        """Let go of the process: it tells nobody anything any more, and is deleted once it has ended."""
        process, self._process = self._process, None
        for name, slot in self._connections:
            process.disconnect(name, slot)
        self._connections.clear()
        if process.state() == qt.QProcess.NotRunning:
            process.deleteLater()
        else:
            process.connect("finished(int,QProcess::ExitStatus)", process, "deleteLater()")
        return process

    def _read(self) -> None:
        self._reading = True
        try:
            for message in self._lines.feed(bytes(self._process.readAllStandardOutput().data())):
                if self._process is None:  # stopped by what the message before it led to
                    return
                self._said_last = isinstance(message, (Done, Failed))
                self.said.emit(message)
        finally:
            self._reading = False

    def _read_errors(self) -> None:
        *lines, self._error_text = (self._error_text + bytes(self._process.readAllStandardError().data())).split(b"\n")
        for line in lines:
            _log.warning("Child process: %s", line.decode("utf-8", "replace").rstrip())
            self._sudden_end.hear(line)

    def _failed(self, error: int) -> None:
        if error == qt.QProcess.FailedToStart:
            # Later, so that `start` never calls back before it returns.
            Timer(0, partial(self._not_started, self._process), once=True)

    def _not_started(self, process: Any) -> None:
        if self._process is process:
            self._end(_("{program} could not be started ({reason}); install Slicer again, or let it start programs.")
                      .format(program=process.program(), reason=process.errorString()))

    def _finished(self, code: int, status: int) -> None:
        self._read()
        if self._process is None:
            return
        self._read_errors()
        if self._error_text:
            _log.warning("Child process: %s", self._error_text.decode("utf-8", "replace"))
            self._sudden_end.hear(self._error_text)
        self._end(None if self._said_last else self._sudden_end.sentence(code, status == qt.QProcess.CrashExit))

    def _end(self, sentence: Optional[str]) -> None:
        self._release()
        self.ended.emit(sentence)


def told_failure(message: Failed) -> str:
    """What to say of a failure that the child reports: one sentence; the detail goes to the log."""
    detail = message.detail
    if message.kind == "input":
        # These sentences name the volume, and that may be the name of a patient: where it happened is enough.
        detail = "\n".join(line for line in detail.splitlines() if line.startswith(("Traceback", " ")))
    _log.error("The child process failed (%s).\n%s", message.kind, detail)
    return cannot_be_loaded(message.sentence) if message.kind == "onnxruntime" else message.sentence
