"""A bundle's network in onnxruntime, on the fastest device that this computer and this onnxruntime have."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from MISTKDSegmentLib.model.bundle import NETWORK_FILE, Bundle
from MISTKDSegmentLib.system import usable_cores

CPU = "CPUExecutionProvider"
# In the order of what they promise. Only builds of onnxruntime for such a device have them; the usual one for macOS
# has CoreML.
ACCELERATORS = ("CUDAExecutionProvider", "DmlExecutionProvider", "CoreMLExecutionProvider",
                "OpenVINOExecutionProvider")
# What onnxruntime says on the CPU; on a device, the next one takes over all the same.
_WANT_OF_MEMORY = ("Failed to allocate", "bfc_arena", "bad_alloc", "bad allocation")
# Batches that are computed at once on the CPU; more would take memory.
_MOST_AT_ONCE = 8
_log = logging.getLogger(__name__)


class Network:
    """An onnxruntime session that turns pixels (n, context, height, width) into scores (n, classes, h, w).

    A device that fails is given up with a warning in the log, and the next one does its work; the last is the CPU.

    Args:
        bundle: the model.
        threads: on the CPU; 0, and more than there are, mean as many as there are cores for this process.

    Raises:
        BundleError: if the model cannot be loaded.
        MemoryError: if there is too little memory for it.
    """

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._bundle, self._file = bundle, bundle.folder / NETWORK_FILE
        cores = usable_cores()
        self._threads = min(threads, cores)
        self._at_once = min(self._threads or cores, _MOST_AT_ONCE)
        self._threads_each = (self._threads or cores) // self._at_once
        available = onnxruntime.get_available_providers()
        self._devices = [*(device for device in ACCELERATORS if device in available), CPU]
        self._session = self._load()

    @property
    def device(self) -> str:
        """The onnxruntime provider in use."""
        return self._devices[0]

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Run a batch.

        Raises:
            BundleError: if the network cannot be run, or is not the one that the bundle describes.
            MemoryError: if it needs more memory than there is.
        """
        try:
            scores = self._session.run(None, {self._session.get_inputs()[0].name: pixels})[0]
        except Exception as error:  # onnxruntime's kinds have no common base
            self._give_up(error, f"run {self._file} on {pixels.shape} pixels")
            self._session = self._load()
            return self(pixels)
        self._check(pixels, scores)
        return scores

    def scores_of(self, batches: Iterable[np.ndarray]) -> Generator[np.ndarray, None, None]:
        """Run batch after batch, on the CPU several at once: small layers gain little from many threads.

        Closing the iterator leaves nothing running.

        Args:
            batches: pixels; each is asked for shortly before its turn.

        Yields:
            Their scores, in the same order.

        Raises:
            BundleError, MemoryError: as in a call.
        """
        waiting: deque[Future[np.ndarray]] = deque()
        with ThreadPoolExecutor(self._at_once) as pool:
            try:
                for pixels in batches:
                    waiting.append(pool.submit(self, pixels))
                    while len(waiting) > (self._at_once if self.device == CPU else 0):
                        yield self._finished(waiting)
                while waiting:
                    yield self._finished(waiting)
            finally:
                for future in waiting:
                    future.cancel()

    def _finished(self, waiting: deque[Future[np.ndarray]]) -> np.ndarray:
        return waiting.popleft().result()

    def _load(self) -> Any:
        """A session on the first device that gives one."""
        while True:
            try:
                return self._session_on(self.device)
            except Exception as error:  # as above; on the CPU, all of them mean an unusable file
                self._give_up(error, f"load {self._file}")

    def _session_on(self, device: str) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads_each
        options.log_severity_level = 3
        # Threads that spin while they wait take the cores from the rest of the run, and from other programs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(self._bundle.network, options, providers=self._providers(device),
                                               enable_fallback=0)
        if session.get_providers()[0] != device:  # it prints why, and raises nothing
            raise RuntimeError("its libraries or driver are missing")
        return session

    def _providers(self, device: str) -> list[Any]:
        if device == "OpenVINOExecutionProvider" and self._threads:
            return [(device, {"num_of_threads": str(self._threads)}), CPU]
        return list(dict.fromkeys((device, CPU)))

    def _give_up(self, error: Exception, what: str) -> None:
        """Go on to the next device.

        Raises:
            BundleError: if there is none.
            MemoryError: if there is none, for want of memory.
        """
        if self.device == CPU and any(words in str(error) for words in _WANT_OF_MEMORY):
            raise MemoryError(f"onnxruntime cannot {what}") from None
        if self.device == CPU:
            raise BundleError(f"onnxruntime {onnxruntime.__version__} cannot {what} ({_first_line(error)}): "
                              "export the model anew.") from None
        _log.warning("%s cannot be used (%s); %s takes its place.", self.device, _first_line(error),
                     self._devices[1])
        del self._devices[0]

    def _check(self, pixels: np.ndarray, scores: np.ndarray) -> None:
        classes = len(self._bundle.labels) + 1
        fits = scores.ndim == 4 and scores.shape[:2] == (len(pixels), classes)
        if not fits or any(not s or n % s for n, s in zip(pixels.shape[2:], scores.shape[2:])):
            raise BundleError(f"{self._file} gives {scores.shape} for {len(pixels)} slices and {classes} classes: "
                              "its model.json belongs to another network.")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
