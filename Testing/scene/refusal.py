"""A Slicer that imports no label map (knows no slicer itself, so that any host can use it)."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


def refuse_imports(monkeypatch: pytest.MonkeyPatch, segmentation_node: ModuleType) -> None:
    """Let every import of the module that writes segmentations fail, in the way in which Slicer says so."""
    real = segmentation_node.slicer

    class Refusing:
        vtkSlicerSegmentationsModuleLogic = SimpleNamespace(ImportLabelmapToSegmentationNode=lambda *_: False)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(segmentation_node, "slicer", Refusing())
