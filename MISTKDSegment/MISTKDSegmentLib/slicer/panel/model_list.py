"""The choice of the model (touches qt)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import qt
from slicer.i18n import tr as _

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.model.catalogue import Model
from MISTKDSegmentLib.slicer.panel.signal import Signal


class ModelList:
    """A QComboBox of the models that are installed; the choice is kept by key, for folders differ between computers.

    Args:
        widget: the QComboBox.

    Attributes:
        changed: emitted after a person chose a model.
    """

    def __init__(self, widget: qt.QComboBox) -> None:
        self.changed = Signal()
        self._widget = widget
        widget.connect("currentIndexChanged(int)", lambda row: self.changed.emit())
        self._models: tuple[Model, ...] = ()

    def fill(self, models: Sequence[Model]) -> None:
        """Show these models; none is chosen."""
        self._models = tuple(models)
        wasBlocked = self._widget.blockSignals(True)
        self._widget.clear()
        for row, model in enumerate(self._models):
            self._widget.addItem(_title(model))
            self._widget.setItemData(row, _tip(model), qt.Qt.ToolTipRole)
        self._widget.blockSignals(wasBlocked)

    def choose(self, key: str) -> Optional[str]:
        """Show the model of that key, or of its name where that version is not there; "" is the first one.

        Returns:
            Why there is no such model, one sentence; None where there is.
        """
        row = self._row_of(key)
        wasBlocked = self._widget.blockSignals(True)
        self._widget.setCurrentIndex(row if self._models else -1)
        self._widget.blockSignals(wasBlocked)
        if not self._models:
            return _("There is no model: install the extension again, or add a model.")
        return None if row >= 0 else _("The model {name} is not installed: add it or choose another one.").format(
            name=key)

    def _row_of(self, key: str) -> int:
        keys = [model.key for model in self._models]
        if not key or key in keys:
            return keys.index(key) if key else 0
        others = [row for row, model in enumerate(self._models) if key.startswith(f"{model.name} ")]
        return others[0] if others else -1

    def chosen(self) -> Optional[Model]:
        """The model that is shown."""
        row = self._widget.currentIndex
        return self._models[row] if 0 <= row < len(self._models) else None

    def folder(self) -> Path:
        """The folder of the model that is chosen.

        Raises:
            BundleError: there is none, or it is damaged.
        """
        model = self.chosen()
        if model is None or model.problem:
            raise BundleError(model.problem if model else _("No model is chosen; choose one."))
        return model.folder


def _title(model: Model) -> str:
    if model.problem:
        return _("{name} (damaged)").format(name=model.name)
    return model.key


def _tip(model: Model) -> str:
    if model.problem:
        return model.problem
    organs = _("{count} organs: {names}.").format(count=len(model.labels),
                                                  names=", ".join(label.title for label in model.labels))
    if model.mean_dice is None:
        return organs
    return organs + " " + _("Mean Dice {dice} in its own validation.").format(dice=f"{model.mean_dice:.2f}")
