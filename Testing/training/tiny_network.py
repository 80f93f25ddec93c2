"""The smallest network of the family, untrained, and what is known of it."""

from __future__ import annotations

import torch

from MISTKDSegmentLib.model.bundle import InputContract
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Training.engine.checkpoints import Trained, describe
from Training.networks.config import NetworkConfig
from Training.networks.segmenter import Segmenter

CONTRACT = InputContract((-125.0, 275.0), 2.0, 32, (-5.0, 0.0, 5.0), 3.0)
LABELS = tuple(label for label in ABDOMEN_LABELS if label.name in ("liver", "spleen"))
CONFIG = NetworkConfig(widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), heads=(1, 1, 1, 1), decoder_width=8, stem_width=4)
PROVENANCE = {"data": {"licence": "CC BY 4.0", "training": ["b"], "validation": ["a"]}, "commit": "abc123"}


def tiny_network() -> Segmenter:
    torch.manual_seed(0)
    return Segmenter(3, len(LABELS) + 1, CONFIG).eval()


def tiny_trained() -> Trained:
    return Trained(tiny_network(), LABELS, CONTRACT, dict(PROVENANCE))


def write_tiny_checkpoint(path):
    network = tiny_network()
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": state, "trained": describe(network, LABELS, CONTRACT, PROVENANCE)}, path)
    return path
