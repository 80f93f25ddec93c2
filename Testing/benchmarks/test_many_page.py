"""The picture of many scans."""

from __future__ import annotations

import pytest
from PIL import Image

pytest.importorskip("matplotlib")
pytest.importorskip("psutil")

from Testing.benchmarks.many import ManyRun
from Testing.benchmarks.many_page import draw_many
from Testing.benchmarks.memory import Sample
from Testing.benchmarks.number_of_scans import OfNumber


def test_the_picture_is_small(tmp_path):
    run = ManyRun("1 worker", 2, 9.0, {"done": 2}, 0, 0, [Sample(n / 5, 500 + n % 50) for n in range(500)])
    path = tmp_path / "many.png"
    draw_many([run, run], [OfNumber(10, 0.1, 2.0, 0.8, 0.02), OfNumber(100, 1.0, 20.0, 2.0, 0.2)], path)
    with Image.open(path) as picture:
        assert picture.width < 1000 and len(picture.getcolors(1 << 20)) > 10
    assert path.stat().st_size < 60_000
