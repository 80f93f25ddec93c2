"""How the voxels of a volume lie, to see whether that changes during a run (touches slicer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.orientation import nearest_axes
from MISTKDSegmentLib.slicer.scene.translation import _
from MISTKDSegmentLib.slicer.scene.volume_node import RAS_TO_LPS, axes_in_world


@dataclass(frozen=True)
class Grid:
    """The voxels of a volume at one moment.

    Attributes:
        shape: their number along i, j and k; empty where there are none.
        spacing_mm: along i, j and k.
        towards: for each of L, P and S, the axis that runs along it (0 i, 1 j, 2 k), and whether it runs against it.
    """

    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    towards: tuple[tuple[int, bool], ...]

    @classmethod
    def of(cls, volumeNode: Any) -> Grid:
        """How they lie now."""
        image, axes = volumeNode.GetImageData(), RAS_TO_LPS[:3, :3] @ axes_in_world(volumeNode)
        towards = tuple((axis, bool(axes[lps, axis] < 0)) for lps, axis in enumerate(nearest_axes(axes)))
        return cls(image.GetDimensions() if image is not None else (),
                   tuple(np.linalg.norm(axes, axis=0).round(4).tolist()), towards)

    def check(self, volumeNode: Any) -> None:
        """Find out whether they still lie so: left is still left, and a millilitre a millilitre.

        To shift or tilt a volume a little is no harm.

        Raises:
            InputError: they do not, because somebody changed the volume during the run.
        """
        now, name = Grid.of(volumeNode), volumeNode.GetName()
        if now.shape != self.shape:
            raise InputError(_("The volume {name} got another size during the run; start again.").format(name=name))
        if (now.spacing_mm, now.towards) != (self.spacing_mm, self.towards):
            raise InputError(_("The volume {name} was turned or stretched during the run; start again.").format(
                name=name))
