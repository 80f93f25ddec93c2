"""The one way from a volume to its labels: slice by slice through the network, stoppable at any moment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import onnxruntime

from MISTKDSegmentLib.bundle import NETWORK_FILE, Bundle
from MISTKDSegmentLib.context import context_indices
from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.frame import canonical_frame
from MISTKDSegmentLib.postprocess import postprocess as clean
from MISTKDSegmentLib.preprocess import SliceGrid, slice_grid, window
from MISTKDSegmentLib.volume import Volume

BATCH = 4


@dataclass(frozen=True)
class Progress:
    """How far a run is: slices labelled so far, of how many."""

    slices_done: int
    slices_total: int


def segment(
    volume: Volume,
    bundle: Bundle,
    out: np.ndarray,
    *,
    organs: Optional[Sequence[str]] = None,
    threads: int = 0,
    slice_step_mm: Optional[float] = None,
    postprocess: bool = True,
) -> Iterator[Progress]:
    """Label the organs of a CT, yielding after each batch of slices.

    To stop, ask for no further item. Nothing is left running.

    Args:
        volume: CT in HU, any orientation.
        bundle: the model.
        out: uint8 array of the shape of `volume.voxels`; filled while the run goes on, complete after its last item.
        organs: names of the organs to keep; all by default.
        threads: for the network; 0, and more than there are, mean as many as there are cores.
        slice_step_mm: run slices at most this far apart and interpolate class scores between them; by default as
            the bundle says.
        postprocess: whether to clean up organs as the bundle says.

    Yields:
        Progress, from (0, n) to (n, n).

    Raises:
        BundleError: if the model does not know an organ or cannot be run.
        ValueError: if `out` does not fit the volume or `slice_step_mm` is not positive.
    """
    if out.shape != volume.voxels.shape or out.dtype != np.uint8:
        raise ValueError(f"out is {out.dtype} {out.shape}; it must be uint8 {volume.voxels.shape}")
    step_mm = bundle.input.slice_step_mm if slice_step_mm is None else slice_step_mm
    if not step_mm > 0:
        raise ValueError(f"slice_step_mm is {step_mm}; it must be positive")
    wanted = bundle.labels if organs is None else tuple(bundle.label(name) for name in organs)
    network = _Network(bundle, threads)
    frame = canonical_frame(volume)
    labels = frame.labels_for(out)
    labels[...] = 0
    total = len(labels)
    yield Progress(0, total)
    lookup = np.zeros(len(bundle.labels) + 1, np.uint8)
    for channel, label in enumerate(bundle.labels, 1):
        lookup[channel] = label.value if label in wanted else 0
    grid = slice_grid(frame.volume, bundle.input.pixel_spacing_mm, bundle.input.multiple)
    for first, scores in _scores(frame.volume, grid, bundle, network, step_mm):
        for k, slice_scores in enumerate(scores, first):
            labels[k, grid.rows, grid.columns] = lookup[grid.to_voxels(slice_scores).argmax(0)]
        if first + len(scores) < total:
            yield Progress(first + len(scores), total)
    if postprocess:
        clean(labels, wanted, bundle.postprocessing, volume.voxel_ml)
    frame.finish(labels, out)
    yield Progress(total, total)


def slices_to_run(slices: int, spacing_mm: float, step_mm: float) -> list[int]:
    """Every slice where they are thick, every n-th where they are thin; always the first and the last.

    Examples:
        >>> slices_to_run(5, 5.0, 3.0)
        [0, 1, 2, 3, 4]
        >>> slices_to_run(8, 1.0, 3.0)
        [0, 3, 6, 7]
    """
    step = max(1, int(step_mm / spacing_mm + 1e-6))
    run = list(range(0, slices, step))
    return run if run[-1] == slices - 1 else [*run, slices - 1]


def _scores(volume: Volume, grid: SliceGrid, bundle: Bundle, network: _Network,
            step_mm: float) -> Iterator[tuple[int, np.ndarray]]:
    """Class scores of consecutive slices: (first slice, float32 (n, classes, h, w)), batch by batch."""
    run = slices_to_run(len(volume.voxels), volume.spacing_mm[2], step_mm)
    pixels = _PixelCache(volume, grid, bundle)
    before: Optional[np.ndarray] = None
    for start in range(0, len(run), BATCH):
        ks = run[start : start + BATCH]
        scores = network(np.stack([pixels.with_context(k) for k in ks]))
        if before is not None:
            ks, scores = [run[start - 1], *ks], np.concatenate([before[None], scores])
        filled = _between(ks, scores)
        yield (ks[0], filled) if before is None else (ks[0] + 1, filled[1:])
        before = scores[-1]


def _between(ks: Sequence[int], scores: np.ndarray) -> np.ndarray:
    """Scores at slices ks[0], ks[0] + 1, …, ks[-1], linear between those that were run."""
    wanted = np.arange(ks[0], ks[-1] + 1)
    if len(wanted) == len(ks):
        return scores
    after = np.clip(np.searchsorted(ks, wanted, side="right"), 1, len(ks) - 1)
    left, right = np.asarray(ks)[after - 1], np.asarray(ks)[after]
    share = ((wanted - left) / (right - left)).astype(np.float32)[:, None, None, None]
    return scores[after - 1] * (1 - share) + scores[after] * share


class _PixelCache:
    """Network pixels of the slices around the one in work, each resampled once."""

    def __init__(self, volume: Volume, grid: SliceGrid, bundle: Bundle) -> None:
        self._volume, self._grid, self._input = volume, grid, bundle.input
        self._pixels: dict[int, np.ndarray] = {}

    def with_context(self, k: int) -> np.ndarray:
        """Slice k and its context: float32 (context, height, width)."""
        wanted = context_indices(k, len(self._volume.voxels), self._volume.spacing_mm[2],
                                 self._input.context_offsets_mm)
        self._pixels = {index: pixels for index, pixels in self._pixels.items() if index >= min(wanted)}
        for index in wanted:
            if index not in self._pixels:
                box = self._volume.voxels[index, self._grid.rows, self._grid.columns]
                self._pixels[index] = self._grid.to_pixels(window(box, self._input.window_hu)[None])[0]
        return np.stack([self._pixels[index] for index in wanted])


class _Network:
    """An onnxruntime session that turns pixels (n, context, height, width) into scores (n, classes, h, w)."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = min(threads, os.cpu_count() or 1)
        options.log_severity_level = 3
        self._bundle = bundle
        try:
            self._session = onnxruntime.InferenceSession(bundle.network, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises many kinds, all of which mean an unusable file
            raise BundleError(f"onnxruntime {onnxruntime.__version__} cannot load {bundle.folder / NETWORK_FILE} "
                              f"({_first_line(error)}): export the model anew.") from None

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        name = self._session.get_inputs()[0].name
        try:
            scores = self._session.run(None, {name: pixels})[0]
        except Exception as error:  # as above: onnxruntime's kinds have no common base
            raise BundleError(f"{self._bundle.folder / NETWORK_FILE} cannot run on {pixels.shape} pixels "
                              f"({_first_line(error)}): export the model anew.") from None
        self._check(pixels, scores)
        return scores

    def _check(self, pixels: np.ndarray, scores: np.ndarray) -> None:
        classes = len(self._bundle.labels) + 1
        fits = scores.ndim == 4 and scores.shape[:2] == (len(pixels), classes)
        if not fits or any(n % s for n, s in zip(pixels.shape[2:], scores.shape[2:])):
            raise BundleError(f"{self._bundle.folder / NETWORK_FILE} gives {scores.shape} for {len(pixels)} slices "
                              f"and {classes} classes: its model.json belongs to another network.")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
