"""Makes the README's pictures of the Slicer module: its panel in the emulated Slicer, with a made-up patient.

    .venv/bin/python -m Testing.screenshots
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from MISTKDSegmentLib.phantom.abdomen import make_phantom
from Testing.host import open_host

FOLDER = Path(__file__).resolve().parents[1] / "Resources" / "Screenshots"
PANEL_PX = 440
PATIENCE_S = 120.0


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with open_host() as host, tempfile.TemporaryDirectory() as temporary:
        pictures = _Pictures(host, Path(temporary))
        pictures.panel("empty")
        _add_phantom()
        host.pump(until=lambda: host.find("segmentButton").enabled, timeout_s=PATIENCE_S)
        pictures.panel("ready")
        host.click("segmentButton")
        host.pump(until=lambda: host.find("progressBar").value > 40, timeout_s=PATIENCE_S)
        host.click("segmentButton")
        pictures.panel("cancelled")
        host.click("segmentButton")
        host.pump(until=lambda: host.find("progressBar").value > 40, timeout_s=PATIENCE_S)
        pictures.whole("running")
        host.pump(until=lambda: host.find("segmentButton").text == "Segment abdomen", timeout_s=PATIENCE_S)
        host.click("show3dButton")
        pictures.whole("done")
        host.find("advancedCollapsibleButton").collapsed = False
        host.find("aboutCollapsibleButton").collapsed = False
        pictures.panel("advanced")
        host.find("advancedCollapsibleButton").collapsed = True
        host.find("aboutCollapsibleButton").collapsed = True
        host.choose("inputVolumeSelector", _add_volume(np.arange(1000).reshape(10, 10, 10) % 256, "Grey values"))
        host.click("segmentButton")
        host.pump(until=lambda: host.find("segmentButton").text == "Segment abdomen", timeout_s=PATIENCE_S)
        pictures.panel("error")
    print(f"Wrote {', '.join(sorted(path.name for path in FOLDER.glob('*.png')))} to {FOLDER}")


class _Pictures:
    """Takes pictures of a host."""

    def __init__(self, host: Any, temporary: Path) -> None:
        self._host, self._temporary = host, temporary

    def panel(self, name: str) -> None:
        """The panel alone."""
        self._host.screenshot(FOLDER / f"{name}.png", PANEL_PX)

    def whole(self, name: str) -> None:
        """Panel and views side by side, as in Slicer's window."""
        panel = Image.open(self._host.screenshot(self._temporary / "panel.png", PANEL_PX)).convert("RGB")
        views = Image.open(self._host.render_views(self._temporary / "views.png")).convert("RGB")
        both = Image.new("RGB", (panel.width + views.width, max(panel.height, views.height)), panel.getpixel((0, 0)))
        both.paste(panel, (0, 0))
        both.paste(views, (panel.width, 0))
        both.save(FOLDER / f"{name}.png", optimize=True)


def _add_phantom() -> None:
    import slicer

    volume, _truth = make_phantom()
    node = _add_volume(volume.voxels, "Made-up abdomen", np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.ijk_to_lps)
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevel(400, 60)
    slicer.util.setSliceViewerLayers(background=node, fit=True)


def _add_volume(voxels: np.ndarray, name: str, ijk_to_ras: np.ndarray | None = None) -> Any:
    import slicer

    matrix = slicer.util.vtkMatrixFromArray(np.eye(4) if ijk_to_ras is None else ijk_to_ras)
    node = slicer.util.addVolumeFromArray(voxels.astype(np.int16), matrix, name)
    node.CreateDefaultDisplayNodes()
    return node


if __name__ == "__main__":
    sys.exit(main())
