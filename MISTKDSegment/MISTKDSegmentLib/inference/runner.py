"""The one way from a volume to its labels: slice by slice through the network, stoppable at any moment."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Optional

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.canonical_frame import canonical_frames
from MISTKDSegmentLib.geometry.region import Region
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.argmax import winners
from MISTKDSegmentLib.inference.frame_choice import straightest
from MISTKDSegmentLib.inference.network import Network
from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions
from MISTKDSegmentLib.inference.postprocess import logit_offsets, postprocess
from MISTKDSegmentLib.inference.progress import Filled, Progress
from MISTKDSegmentLib.inference.signals import Signals
from MISTKDSegmentLib.inference.slices import NetworkSlices, slices_to_run
from MISTKDSegmentLib.inference.smoothing import smooth
from MISTKDSegmentLib.model.bundle import Bundle

BATCH = 4


def segment(volume: Volume, bundle: Bundle, out: np.ndarray,
            options: SegmentOptions = DEFAULTS, signals: Optional[Signals] = None) -> Generator[Progress, None, None]:
    """Label the organs of a CT, yielding after each batch of slices.

    To stop, ask for no further item. Nothing is left running.

    Args:
        volume: CT in HU, any orientation.
        bundle: the model.
        out: uint8 array of the shape of `volume.voxels`; filled while the run goes on, complete after its last item.
        options: what of it to label, and how.
        signals: is filled as well, where it is given.

    Yields:
        Progress, from (0, n) to (n, n).

    Raises:
        BundleError: if the model does not know an organ or cannot be run.
        InputError: if the region lies outside the volume.
        ValueError: if `out` does not fit the volume.
    """
    step_mm = options.slice_step_mm or bundle.input.slice_step_mm
    scan = ReadyScan(volume, bundle, out, options)
    ks = range(len(scan.labels)) if options.region is None else options.region.slices(scan.frame.volume)
    if not ks:
        raise InputError(f"The region lies outside {volume.name}; move it into the scan.")
    scan.labels[...] = 0
    yield Progress(0, len(ks))
    for done in scan.label(ks, step_mm, options.region, signals):
        if done.stop < ks.stop:
            yield Progress(done.stop - ks.start, len(ks), scan.filled(done))
    if options.postprocess:
        postprocess(scan.labels, scan.organs, bundle.postprocessing, volume.voxel_ml, options.threads)
    scan.frame.finish(scan.labels, out)
    yield Progress(len(ks), len(ks))


class ReadyScan:
    """A scan and a model, ready for slices: what a run does once, whichever slices it labels.

    Args:
        volume: CT in HU, any orientation.
        bundle: the model.
        out: uint8 array of the shape of `volume.voxels`, to be filled.
        options: which organs to label, with how many threads, and whether with the model's offsets of the logits.

    Attributes:
        frame: the canonical frame of the volume; of an oblique one, that in which the patient lies straighter.
        labels: uint8 labels in that frame; where nothing was resampled, a view of `out`.
        organs: what is labelled.
        network: the model, loaded.

    Raises:
        BundleError: if the model does not know an organ or cannot be run.
        ValueError: if `out` does not fit the volume.
    """

    def __init__(self, volume: Volume, bundle: Bundle, out: np.ndarray, options: SegmentOptions = DEFAULTS) -> None:
        if out.shape != volume.voxels.shape or out.dtype != np.uint8:
            raise ValueError(f"out is {out.dtype} {out.shape}; it must be uint8 {volume.voxels.shape}")
        self.organs = bundle.labels_named(options.organs)
        with ThreadPoolExecutor(1) as beside:
            network = beside.submit(Network, bundle, options.threads)
            self._slices = straightest([NetworkSlices(frame, bundle) for frame in canonical_frames(volume)])
            self.network = network.result()
        self.frame = self._slices.frame
        self.labels, self._out = self.frame.labels_for(out), out
        self._smoothing_mm = bundle.input.slice_smoothing_mm
        self._logit_offsets = logit_offsets(bundle)
        self._postprocesses = options.postprocess
        kept = (label.value if label in self.organs else 0 for label in bundle.labels)
        self._values = np.array([0, *kept], np.uint8)

    def label(self, ks: range, step_mm: float, region: Optional[Region] = None,
              signals: Optional[Signals] = None) -> Iterator[range]:
        """Label canonical slices, yielding those of each batch when they are done.

        Args:
            ks: consecutive slices.
            step_mm: run slices at most this far apart, interpolate between them.
            region: label nothing outside of it.
            signals: looks at the slices that are run.
        """
        grid = self._slices.grid
        if signals is not None:
            signals.start(self.frame.volume, grid, region)
        for first, scores in self._scores(slices_to_run(ks, self.frame.volume.spacing_mm[2], step_mm), signals):
            for k, slice_scores in enumerate(scores, first):
                found = winners(slice_scores, grid, self._values)
                if region is not None:
                    found[~region.mask(self.frame.volume, k)[grid.rows, grid.columns]] = 0
                empty = self._slices.without_data(k)
                if empty is not None:
                    found[empty] = 0
                self.labels[k, grid.rows, grid.columns] = found
            yield range(first, first + len(scores))

    def label_slice_at(self, position_lps: Sequence[float]) -> Optional[Filled]:
        """Label the one slice that a position lies in; what else `out` holds stays.

        Args:
            position_lps: in millimetres; beyond the ends of the scan, the slice there.

        Returns:
            What of `out` is new; None where all of it may be.
        """
        ijk = np.linalg.solve(self.frame.volume.ijk_to_lps, [*position_lps, 1.0])
        k = min(max(int(round(ijk[2])), 0), len(self.labels) - 1)
        for _ in self.label(range(k, k + 1), math.inf):
            pass
        self.frame.finish(self.labels, self._out)
        return self.filled(range(k, k + 1))

    def filled(self, ks: range) -> Optional[Filled]:
        """Where in `out` canonical slices lie; None where they come at the end, through resampling."""
        if self.frame.is_oblique:
            return None
        size, flipped = len(self.labels), 0 in self.frame.flips
        start, stop = (size - ks.stop, size - ks.start) if flipped else (ks.start, ks.stop)
        return Filled(self.frame.transpose[0], start, stop)

    def batches(self, run: Sequence[int]) -> Iterator[np.ndarray]:
        """What the network sees of slices: float32 (up to BATCH, context, height, width), batch by batch."""
        for start in range(0, len(run), BATCH):
            yield np.stack([self._slices.with_context(k) for k in run[start : start + BATCH]])

    def _scores(self, run: Sequence[int], signals: Optional[Signals]) -> Iterator[tuple[int, np.ndarray]]:
        """Class scores of consecutive slices: (first slice, float32 (n, classes, h, w)), some at a time."""
        before: Optional[tuple[int, np.ndarray]] = None
        spacing_mm = self.frame.volume.spacing_mm[2]
        with closing(self.network.scores_of(self.batches(run))) as batches:
            each = (scores for batch in batches for scores in batch)
            smoothed = smooth(((k * spacing_mm, scores) for k, scores in zip(run, each)),
                              self._smoothing_mm)
            for start in range(0, len(run), BATCH):
                new = list(zip(run[start : start + BATCH], smoothed))
                moved = new if self._logit_offsets is None else [(k, one + self._logit_offsets) for k, one in new]
                if signals is not None:
                    # With the offsets in any case: what the signals mean was learnt with them.
                    for k, scores in moved:
                        signals.look(k, scores)
                new = moved if self._postprocesses else new
                known = new if before is None else [before, *new]
                filled = _between([k for k, _ in known], np.stack([scores for _, scores in known]))
                yield (known[0][0], filled) if before is None else (before[0] + 1, filled[1:])
                before = known[-1]


def _between(ks: Sequence[int], scores: np.ndarray) -> np.ndarray:
    """Scores at slices ks[0], ks[0] + 1, …, ks[-1], linear between those that were run."""
    wanted = np.arange(ks[0], ks[-1] + 1)
    if len(wanted) == len(ks):
        return scores
    after = np.clip(np.searchsorted(ks, wanted, side="right"), 1, len(ks) - 1)
    left, right = np.asarray(ks)[after - 1], np.asarray(ks)[after]
    share = ((wanted - left) / (right - left)).astype(np.float32)[:, None, None, None]
    return scores[after - 1] * (1 - share) + scores[after] * share
