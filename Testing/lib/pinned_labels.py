"""What the model that ships makes of the standard scans, to the voxel: recorded once, compared by a test.

    python -m Testing.lib.pinned_labels

records it anew; to be run when a new model ships, or when an algorithm changes on purpose, and never otherwise.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from MISTKDSegmentLib.api.segment import load_model, segment
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from MISTKDSegmentLib.inference.options import DEFAULTS, SegmentOptions
from MISTKDSegmentLib.io.reading import read_volume
from MISTKDSegmentLib.phantom.abdomen import make_phantom

RECORD = Path(__file__).with_suffix(".json")
REAL = Path(__file__).resolve().parents[3] / "shared" / "ct"
# How the phantom is segmented besides the usual way, so that interpolation and clean-up each count.
WAYS = {"phantom": DEFAULTS, "phantom, every slice, no clean-up": SegmentOptions(slice_step_mm=1.0, postprocess=False)}
SCANS = ("totalseg_example_ct.nii.gz", "totalseg_example_ct_sm.nii.gz", "acrin_flt_breast_001")
NAMES = (*WAYS, *SCANS)


def environment() -> dict[str, str]:
    """What decides the last bits of the scores: two computers that agree in it give the same labels to the voxel.

    onnxruntime adds in another order from version to version, and with every kind of vector instructions.
    """
    return {"onnxruntime": onnxruntime.__version__, "instructions": _instructions()}


def _instructions() -> str:
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:  # not on Windows and macOS
        flags = set()
    return platform.machine() + "".join(f" {name}" for name in ("avx2", "avx512f") if name in flags)


@lru_cache(maxsize=1)
def phantom() -> Volume:
    """The made-up abdomen."""
    return make_phantom()[0]


def measured(name: str) -> dict[str, Any]:
    """What a standard scan's labels are: hashes of its voxels and of them, and voxels of each organ by slice."""
    volume = phantom() if name in WAYS else read_volume(REAL / name)
    result = segment(volume, model=load_model(), options=WAYS.get(name, DEFAULTS))
    by_slice = {label.name: np.count_nonzero(result.labels == label.value, axis=(1, 2)).tolist()
                for label in result.organs}
    return {"scan": _hash(volume.voxels), "labels": _hash(result.labels), "by_slice": by_slice}


def _hash(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def record() -> int:
    """Write all down.

    Returns:
        The exit code.
    """
    if not REAL.is_dir():
        print(f"{REAL} is not here: the scans in it would be lost from the record.", file=sys.stderr)
        return 1
    content = {"model": load_model().description_sha256, "environment": environment(),
               "scans": {name: measured(name) for name in NAMES}}
    RECORD.write_text(json.dumps(content, separators=(",", ":")).replace('"by_slice"', '\n"by_slice"') + "\n",
                      encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(record())
