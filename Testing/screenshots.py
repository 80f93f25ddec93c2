"""Makes the README's pictures of the Slicer module: its panel in the emulated Slicer, with a made-up patient.

    .venv/bin/python -m Testing.screenshots
    .venv/bin/python -m Testing.screenshots --all FOLDER    # every state at 284, 340 and 440 px, light and dark
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from MISTKDSegmentLib.phantom.abdomen import make_phantom
from Testing.host import open_host

FOLDER = Path(__file__).resolve().parents[1] / "Resources" / "Screenshots"
# The dock as Slicer opens it, and wider.
DOCK_PX = 284
WIDTHS_PX = (284, 340, 440)
PATIENCE_S = 600.0
DOUBT = "The orientation is doubtful"
WHY = (f"{DOUBT}: the spine lies in front; what the file says of it is probably wrong, so that left and right organs "
       "may be confused: correct its header.")
# Those that the documentation shows; the others are for --all.
SHOWN = ("ready", "running", "done", "shining", "explained", "advanced")


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="write every width and style into this folder")
    folder = parser.parse_args().all
    (folder or FOLDER).mkdir(parents=True, exist_ok=True)
    with open_host() as host, tempfile.TemporaryDirectory() as temporary:
        pictures = AllPictures(host, folder) if folder else Pictures(host, Path(temporary))
        _take(host, pictures)
    print(f"Wrote {', '.join(sorted(path.name for path in (folder or FOLDER).glob('*.png')))} to {folder or FOLDER}")


def _take(host: Any, pictures: Any) -> None:
    """Bring the panel from state to state."""
    pictures.panel("empty")
    _add_phantom()
    host.pump(until=lambda: host.find("segmentButton").enabled, timeout_s=PATIENCE_S)
    pictures.panel("ready")
    _start_and_wait_for(host, 25)
    host.click("segmentButton")
    pictures.panel("cancelled")
    _start_and_wait_for(host, 55)
    pictures.whole("running")
    _wait_for_the_end(host)
    host.click("show3dButton")
    pictures.whole("done")
    host.find("resultsTable")._inner.cellClicked.emit(_row_of(host, "Left kidney"), 1)
    host.pump()
    pictures.whole("shining")
    _doubt(host)
    pictures.panel("doubtful")
    host.find("doubtsLabel")._inner.linkActivated.emit("why")
    host.pump()
    pictures.panel("explained")
    host.find("resultsCollapsibleButton").collapsed = True
    for name in ("advancedCollapsibleButton", "aboutCollapsibleButton"):
        host.find(name).collapsed = False
    pictures.panel("advanced")
    for name in ("advancedCollapsibleButton", "aboutCollapsibleButton"):
        host.find(name).collapsed = True
    host.choose("inputVolumeSelector", _add_volume(np.arange(1000).reshape(10, 10, 10) % 256, "Grey values"))
    host.click("segmentButton")
    _wait_for_the_end(host)
    pictures.panel("error")


def _start_and_wait_for(host: Any, slices: int) -> None:
    host.click("segmentButton")
    host.pump(until=lambda: host.widget.panel.running.run.slicesDone > slices, timeout_s=PATIENCE_S)


def _wait_for_the_end(host: Any) -> None:
    host.pump(until=lambda: host.find("segmentButton").text == "Segment abdomen", timeout_s=PATIENCE_S)


def _row_of(host: Any, organ: str) -> int:
    table = host.find("resultsTable")
    return next(row for row in range(table.rowCount) if table.item(row, 1).text() == organ)


def _doubt(host: Any) -> None:
    host.widget.panel.parameters.organTable.SetAttribute("MISTKDSegment.doubts", json.dumps([[DOUBT, WHY]]))
    host.widget.panel.refresh()


class Pictures:
    """Takes the README's pictures."""

    def __init__(self, host: Any, temporary: Path) -> None:
        self._host, self._temporary = host, temporary

    def panel(self, name: str) -> None:
        """The panel alone."""
        if name in SHOWN:
            self._host.screenshot(FOLDER / f"{name}.png", DOCK_PX)

    def whole(self, name: str) -> None:
        """Panel and views side by side, as in Slicer's window."""
        panel = Image.open(self._host.screenshot(self._temporary / "panel.png", DOCK_PX)).convert("RGB")
        views = Image.open(self._host.render_views(self._temporary / "views.png")).convert("RGB")
        both = Image.new("RGB", (panel.width + views.width, max(panel.height, views.height)), panel.getpixel((0, 0)))
        both.paste(panel, (0, 0))
        both.paste(views, (panel.width, 0))
        both.save(FOLDER / f"{name}.png", optimize=True)


class AllPictures:
    """Takes pictures of every width and style, side by side, to be looked at."""

    def __init__(self, host: Any, folder: Path) -> None:
        self._host, self._folder = host, folder

    def panel(self, name: str) -> None:
        """The panel alone, three widths in light style above three in dark style."""
        pictures = [[self._picture(width, dark) for width in WIDTHS_PX] for dark in (False, True)]
        heights = [max(picture.height for picture in row) for row in pictures]
        sheet = Image.new("RGB", (sum(picture.width for picture in pictures[0]) + 40, sum(heights) + 30), "#707070")
        y = 10
        for row, height in zip(pictures, heights):
            x = 10
            for picture in row:
                sheet.paste(picture, (x, y))
                x += picture.width + 10
            y += height + 10
        sheet.save(self._folder / f"{name}.png", optimize=True)
        self._host.use_style(dark=False)

    def whole(self, name: str) -> None:
        """The panel, and the views beside it as a file of their own."""
        self.panel(name)
        self._host.render_views(self._folder / f"{name}-views.png")

    def _picture(self, width_px: int, dark: bool) -> Image.Image:
        self._host.use_style(dark)
        with Image.open(self._host.screenshot(self._folder / "one.png", width_px)) as picture:
            picture = picture.convert("RGB")
        (self._folder / "one.png").unlink()
        return picture


def _add_phantom() -> None:
    import slicer

    volume, _truth = make_phantom()
    node = _add_volume(volume.voxels, "Made-up CT", np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.ijk_to_lps)
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
