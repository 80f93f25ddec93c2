"""The process that segments for the window, so that the window never waits."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from MISTKDSegmentLib.allocator import share_one_pool
from MISTKDSegmentLib.child.job import Work, is_orphan, is_over, wait_for_work
from MISTKDSegmentLib.child.last_word import LastWord, leave
from MISTKDSegmentLib.child.messages import Done, Failed, Message, SliceDone, Started, encode
from MISTKDSegmentLib.errors import BundleError, InputError, OutputError, SegmentError
from MISTKDSegmentLib.inference.hu_checks import check_scan
from MISTKDSegmentLib.model.bundle import Bundle, load_bundle
from MISTKDSegmentLib.model.network_file import OLDEST_ONNXRUNTIME
from MISTKDSegmentLib.report.doubts import find_doubts, in_short
from MISTKDSegmentLib.report.judgement import judged
from MISTKDSegmentLib.report.table import measure
from MISTKDSegmentLib.system import peak_memory

WATCH_S = 0.1
LOOK_S = 0.02
# The window asks for no child that waits as long, and ends it before that.
PATIENCE_S = 600.0
FAILED_EXIT_CODE, STOPPED_EXIT_CODE = 1, 3
_reached = [0, 0]  # slices, of how many: noted by the main thread, left behind by the one that watches
_KINDS = {InputError: "input", BundleError: "model", OutputError: "output"}


def main(folder: str) -> None:
    """Get ready, wait for the job in a folder, do it and end the process.

    The folder is the window's to remove, but for where the window is gone or this process is told to end.

    Args:
        folder: as `Job.empty` or `Job.create` made it.
    """
    for name in ("SIGTERM", "SIGHUP"):  # when the user logs out, the window is about to go as well
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    try:
        _work(Path(folder))
    except _Ended as error:
        with suppress(NobodyListens):
            tell(failure(error))
        _remove_and_end(Path(folder))
    except NobodyListens:
        _remove_and_end(Path(folder))


def _work(folder: Path) -> None:
    try:
        share_one_pool()
        threading.Thread(target=_watch, args=(folder,), daemon=True).start()
        _get_ready()
        work = wait_for_work(folder, PATIENCE_S, LOOK_S)
        if work is not None:
            _do(work)
    except (NobodyListens, _Ended):
        raise
    except BaseException as error:  # whatever it is, the window is waiting for a word
        tell(failure(error))
        sys.exit(FAILED_EXIT_CODE)


class NobodyListens(Exception):
    """The window has closed its end: it is gone, and nobody else will remove the folder."""


class _Ended(BaseException):
    """The system wants this process to end; not an Exception, which might be taken for the failure of a device."""


def _end(number: int, _: object) -> None:
    raise _Ended(signal.Signals(number).name)


def _remove_and_end(folder: Path) -> NoReturn:
    shutil.rmtree(folder, ignore_errors=True)
    # Not sys.exit, which would try to flush what nobody reads, and wait for threads.
    os._exit(STOPPED_EXIT_CODE)


def tell(message: Message) -> None:
    """Print a message at once.

    Raises:
        NobodyListens: the window has closed its end.
    """
    try:
        print(encode(message), flush=True)
    except OSError as error:
        raise NobodyListens from error


def failure(error: BaseException) -> Failed:
    """What to say of an error: one sentence for the user, the rest for the log."""
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if isinstance(error, SegmentError):
        return Failed(_KINDS.get(type(error), "unexpected"), str(error), detail)
    if isinstance(error, _Ended):
        return Failed("unexpected", f"The system ended the segmentation ({error}); start it again.", detail)
    if isinstance(error, MemoryError):
        return Failed("memory", "The scan needs more memory than there is; close other programs or crop it.", detail)
    if isinstance(error, ImportError) and (error.name or "").split(".")[0] == "onnxruntime":
        return Failed("onnxruntime", f"onnxruntime cannot be loaded ({error}); install it again.", detail)
    what = traceback.format_exception_only(type(error), error)[-1].strip()
    return Failed("unexpected", f"The segmentation stopped unexpectedly ({what}); the Python log has the details.",
                  detail)


def _get_ready() -> None:
    """Import what takes long, while the scan is written down or before there is one."""
    check_onnxruntime()
    import MISTKDSegmentLib.inference.runner  # noqa: F401


def _watch(folder: Path) -> None:
    while not is_over(folder):
        leave(folder, LastWord(peak_memory(), *_reached))
        time.sleep(WATCH_S)
    if is_orphan(folder):
        _remove_and_end(folder)
    os._exit(STOPPED_EXIT_CODE)


def _do(work: Work) -> None:
    check_scan(work.volume.name, work.volume)
    bundle = load_bundle(work.order.bundle)
    if work.order.preview:
        _preview(work, bundle)
    else:
        _segment(work, bundle)


def check_onnxruntime() -> None:
    """Find out whether inference can run at all.

    Raises:
        ImportError: onnxruntime is missing, broken or too old.
    """
    try:
        from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime

        version = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])
    except (ImportError, AttributeError, ValueError, OSError) as error:
        raise ImportError(str(error), name="onnxruntime") from error
    if version < OLDEST_ONNXRUNTIME:
        oldest = ".".join(map(str, OLDEST_ONNXRUNTIME))
        raise ImportError(f"version {onnxruntime.__version__}, needed is {oldest}", name="onnxruntime")


def _segment(work: Work, bundle: Bundle) -> None:
    from MISTKDSegmentLib.inference.mirror_check import looks_mirrored
    from MISTKDSegmentLib.inference.runner import segment
    from MISTKDSegmentLib.inference.signals import Signals

    options = work.order.options
    signals = Signals() if bundle.confidence else None
    for progress in segment(work.volume, bundle, work.labels, options, signals):
        tell(progress if progress.slices_done else Started(progress.slices_total))
        _reached[:] = progress.slices_done, progress.slices_total
    rows = judged(measure(work.volume, work.labels, bundle.labels_named(options.organs), options.region), bundle,
                  signals)
    doubts = find_doubts(work.volume, work.labels, rows, options.region,
                         lambda: looks_mirrored(work.volume, bundle, work.labels, options.threads))
    tell(Done(rows, tuple((in_short(doubt), doubt) for doubt in doubts)))


def _preview(work: Work, bundle: Bundle) -> None:
    from MISTKDSegmentLib.inference.runner import ReadyScan

    scan = ReadyScan(work.volume, bundle, work.labels, work.order.options)
    tell(Started(0))
    answered = None
    while True:
        request = work.request()
        if request is None or request.number == answered:
            time.sleep(LOOK_S)
            continue
        filled = scan.label_slice_at(request.position_lps)
        answered = request.number
        tell(SliceDone(request.number, filled))
