"""The networks that the student is compared with: its teacher and smaller forms of itself."""

from __future__ import annotations

import importlib
import logging
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from MISTKDSegmentLib.inference.preprocess import window
from MISTKDSegmentLib.model.bundle import Bundle
from Testing.benchmarks.stages import grid_of
from Training.bundle.export import export_trained
from Training.bundle.half_precision import store_in_half
from Training.bundle.onnx_file import to_onnx
from Training.engine.checkpoints import read_trained
from Training.networks.config import TEACHER
from Training.networks.segmenter import Segmenter

# An import statement would be sorted before the one that has to come first.
quantization = importlib.import_module("onnxruntime.quantization")
CALIBRATION_SLICES = 16


def teacher(checkpoint: Path | None, student: Bundle, folder: Path) -> Bundle:
    """The teacher as a bundle; without a checkpoint, with random weights, which do not change the time.

    Args:
        checkpoint: of `train_teacher`.
        student: whose input a made-up teacher takes and whose classes it tells apart.
        folder: for its bundle.
    """
    if checkpoint is not None:
        return export_trained(read_trained(checkpoint), folder, name="teacher", version="benchmark")
    channels = len(student.input.context_offsets_mm)
    network = Segmenter(channels, len(student.labels) + 1, TEACHER)
    return replace(student, folder=folder, name="teacher", network=to_onnx(network, channels))


def in_16_bits(bundle: Bundle) -> Bundle:
    """The bundle with weights stored in 16 bits; it computes in 32."""
    return replace(bundle, network=store_in_half(bundle.network))


def in_8_bits(bundle: Bundle, volume: Volume) -> Bundle:
    """The bundle computing convolutions and matrix products in 8 bits, with ranges as slices of a scan have them."""
    logging.getLogger().setLevel(logging.ERROR)  # it would advise a preparation that has no effect here
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "32.onnx", Path(folder) / "8.onnx"
        source.write_bytes(bundle.network)
        quantization.quantize_static(source, target, _Slices(bundle, volume), per_channel=True,
                                     op_types_to_quantize=["Conv", "MatMul"],
                                     activation_type=quantization.QuantType.QUInt8,
                                     weight_type=quantization.QuantType.QInt8)
        return replace(bundle, network=target.read_bytes())


class _Slices(quantization.CalibrationDataReader):
    """Slices from all over a scan as the network sees them."""

    def __init__(self, bundle: Bundle, volume: Volume) -> None:
        session = onnxruntime.InferenceSession(bundle.network, providers=["CPUExecutionProvider"])
        self._name, self._grid = session.get_inputs()[0].name, grid_of(volume, bundle)
        self._bundle, self._volume = bundle, volume
        self._ks = iter(np.linspace(1, len(volume.voxels) - 2, CALIBRATION_SLICES).astype(int))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next slice between its neighbours, or None when there are no more."""
        k = next(self._ks, None)
        if k is None:
            return None
        around = np.linspace(k - 1, k + 1, len(self._bundle.input.context_offsets_mm)).round().astype(int)
        box = self._volume.voxels[around][:, self._grid.rows, self._grid.columns]
        pixels = self._grid.to_pixels(window(box, self._bundle.input.window_hu))
        return {self._name: np.ascontiguousarray(pixels[None])}
