"""How Lightning writes a checkpoint: whole, and the one before kept."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from MISTKDSegmentLib.io.atomic import atomic_path, remove_leftovers
from Training.engine.checkpoints import PREVIOUS


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints, each written whole before it takes the place of the last, which is kept."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: if it cannot be written, e.g. because the disk is full; the last one stays.
        """
        target = Path(path)
        content = io.BytesIO()
        torch.save(checkpoint, content)
        target.parent.mkdir(parents=True, exist_ok=True)
        # A checkpoint of a process that was killed takes much room, and no other training writes into this folder.
        remove_leftovers(target.parent)
        with atomic_path(target) as temporary:
            with open(temporary, "wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            # Not before the new one is safe: until then, the last is the one to go on from.
            if target.exists():
                os.replace(target, target.with_name(PREVIOUS))
