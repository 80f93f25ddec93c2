"""Patches of the large network cover the scan as nnU-Net's do."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from Testing.benchmarks.unet import patch_starts  # noqa: E402


@pytest.mark.parametrize(("size", "patch", "expected"), [(128, 128, [0]), (60, 112, [0]), (150, 112, [0, 38]),
                                                         (168, 112, [0, 56]), (224, 112, [0, 56, 112])])
def test_patches_overlap_by_half_or_more_and_end_with_the_scan(size, patch, expected):
    assert patch_starts(size, patch) == expected
