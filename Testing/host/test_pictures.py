"""Pictures of the panel."""

from __future__ import annotations

import numpy as np

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


def test_the_panel_is_pictured(small, tmp_path):
    from PIL import Image
    picture = Image.open(small.screenshot(tmp_path / "panel.png"))
    assert picture.width == 480 and picture.height > 100
    assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10


def test_folded_parts_make_the_picture_lower(small, tmp_path):
    from PIL import Image
    folded = Image.open(small.screenshot(tmp_path / "folded.png")).height
    small.ui.advanced.collapsed = False
    assert Image.open(small.screenshot(tmp_path / "open.png")).height > folded + 50
