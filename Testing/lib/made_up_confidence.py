"""A calibration of one signal, to work out by hand, and a bundle that has it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional

from MISTKDSegmentLib.model.confidence import Confidence, Term, Typical

# Livers of e^0 = 1 mL and 100 HU are usual.
TYPICAL = Typical(bias=1.0, log_ml=0.0, log_ml_sd=0.5, hu=100.0, hu_sd=10.0)
CONFIDENCE = Confidence({"liver": TYPICAL, "spleen": TYPICAL}, {"soft_dice_odds": Term(2.0, 0.5, 2.0)}, 0.5,
                        {"peak": Term(0.0, 1.0, -1.0)}, look_below=0.75, poor_below=0.5)


def write_confidence(bundle: Path, entry: Optional[dict[str, Any]] = None) -> Path:
    """Calibrate a bundle; by default as `CONFIDENCE` says."""
    path = bundle / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    description["confidence"] = asdict(CONFIDENCE) if entry is None else entry
    path.write_text(json.dumps(description), encoding="utf-8")
    return bundle
