"""Pictures of the panel."""

from __future__ import annotations

import numpy as np

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


def test_the_panel_is_pictured(small, tmp_path):
    from PIL import Image
    picture = Image.open(small.screenshot(tmp_path / "panel.png"))
    assert picture.width == small.panel.sizeHint().width() and picture.height > 100
    assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10


def test_folded_parts_make_the_picture_lower(small, tmp_path):
    from PIL import Image
    folded = Image.open(small.screenshot(tmp_path / "folded.png")).height
    small.ui.advanced.collapsed = False
    assert Image.open(small.screenshot(tmp_path / "open.png")).height > folded + 50


def test_a_picture_is_as_wide_as_the_dock_that_is_asked_for_but_for_its_frame(small, tmp_path):
    from PIL import Image
    assert Image.open(small.screenshot(tmp_path / "panel.png", dock_px=440)).width == 437


def test_the_dark_style_is_dark(small, tmp_path):
    from PIL import Image
    brightness = []
    for dark in (True, False):
        small.use_style(dark)
        brightness.append(np.asarray(Image.open(small.screenshot(tmp_path / "panel.png")).convert("L")).mean())
    assert brightness[0] < 100 < 180 < brightness[1]
