"""The picture of how time grows."""

from __future__ import annotations

import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from Testing.benchmarks.growth import Growth, draw_growth, thread_counts


@pytest.mark.parametrize(("cores", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4]), (64, [1, 2, 4, 8])])
def test_no_more_threads_than_cores_are_tried(cores, expected):
    assert thread_counts(cores) == expected


def test_the_picture_is_small(tmp_path):
    path = tmp_path / "growth.png"
    draw_growth(Growth([(50, 1.0), (2000, 30.0)], [(256, 1.0), (1024, 2.0)], [(1, 3.0)]), path)
    with Image.open(path) as picture:
        assert picture.width < 1000 and len(picture.getcolors(1 << 20)) > 10
    assert path.stat().st_size < 60_000
