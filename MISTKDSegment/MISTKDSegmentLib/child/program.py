"""The process that segments for the window, so that the window never waits."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path

from MISTKDSegmentLib.child.job import Work, wait_for_work
from MISTKDSegmentLib.child.messages import Done, Failed, Message, SliceDone, Started, encode
from MISTKDSegmentLib.errors import BundleError, InputError, OutputError, SegmentError
from MISTKDSegmentLib.io.reading import check_hu
from MISTKDSegmentLib.model.bundle import Bundle, load_bundle
from MISTKDSegmentLib.report.table import measure

OLDEST_ONNXRUNTIME = (1, 19)
WATCH_S = 0.1
LOOK_S = 0.02
# The window asks for no child that waits as long, and ends it before that.
PATIENCE_S = 600.0
FAILED_EXIT_CODE, STOPPED_EXIT_CODE = 1, 3
_KINDS = {InputError: "input", BundleError: "model", OutputError: "output"}


def main(folder: str) -> None:
    """Get ready, wait for the job in a folder, do it and end the process.

    Args:
        folder: as `Job.empty` or `Job.create` made it.
    """
    try:
        _get_ready()
        work = wait_for_work(Path(folder), PATIENCE_S, LOOK_S)
        if work is not None:
            threading.Thread(target=_watch, args=(work,), daemon=True).start()
            _do(work)
    except BaseException as error:  # whatever it is, the window is waiting for a word
        tell(failure(error))
        sys.exit(FAILED_EXIT_CODE)


def tell(message: Message) -> None:
    """Print a message at once."""
    print(encode(message), flush=True)


def failure(error: BaseException) -> Failed:
    """What to say of an error: one sentence for the user, the rest for the log."""
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if isinstance(error, SegmentError):
        return Failed(_KINDS.get(type(error), "unexpected"), str(error), detail)
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


def _watch(work: Work) -> None:
    while not work.is_over:
        time.sleep(WATCH_S)
    if work.is_orphan:
        shutil.rmtree(work.folder, ignore_errors=True)
    os._exit(STOPPED_EXIT_CODE)


def _do(work: Work) -> None:
    check_hu(work.volume.name, work.volume.voxels)
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
    from MISTKDSegmentLib.inference.runner import segment

    options = work.order.options
    for progress in segment(work.volume, bundle, work.labels, options):
        tell(progress if progress.slices_done else Started(progress.slices_total))
    tell(Done(tuple(measure(work.volume, work.labels, bundle.labels_named(options.organs), options.region))))


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
