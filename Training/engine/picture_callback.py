"""Pictures of a training while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import default_collate

from Training.data.slices import Draw, SliceDataset
from Training.evaluation.pictures import CURVES, curve_figure, example_figure, read_curves, save, telling_slices

EXAMPLES = "examples"
MOST_EXAMPLES = 4


class Pictures(Callback):
    """After every validation: `curves.png`, and `examples/step_NNNNNN.png` with slices of the validation cases.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        cases = trainer.val_dataloaders.dataset.cases[:MOST_EXAMPLES]
        dataset = SliceDataset(cases, pl_module.recipe.context_offsets_mm)
        batch = default_collate([dataset[Draw(place, 0)] for place in telling_slices(dataset)])
        with torch.no_grad():
            batch = type(batch)(*(part.to(pl_module.device) for part in batch))
            labels, scores = pl_module.predict(batch)
            context = pl_module.whole_slices(batch)[0]
        pixels = context[:, pl_module.own_slice]
        figure = example_figure(pixels.cpu().numpy(), labels.cpu().numpy(), scores.argmax(1).cpu().numpy(),
                                [dataset.name(int(place)) for place in batch.place], pl_module.manifest.labels)
        save(figure, self.folder / EXAMPLES / f"step_{trainer.global_step:06d}.png")

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        if trainer.is_global_zero:
            trainer.loggers[0].save()
            curves = read_curves(self.folder)
            if curves:
                save(curve_figure(curves, pl_module.manifest.labels), self.folder / CURVES)
