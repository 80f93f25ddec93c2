"""Faults of DICOM folders crossed with each other: whole scans, never mixed, or a sentence for each."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from MISTKDSegmentLib.batch.plan import make_plan
from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.io.reading import read_volume
from Testing.corpus.scale import cases

pytest.importorskip("pydicom")
from Testing.lib.io.dicom.series_with_faults import AS_GOOD, GOOD, REFUSED, SEVERAL, hu, write

FAULTS = {**AS_GOOD, **SEVERAL, **{name: fault for name, (fault, *_) in REFUSED.items()}}
# What passes cover, by their number of slices and the highest value, which tells them apart.
WHOLE = {(12, 100): GOOD, (12, 150): hu(more=50), (7, 150): hu(7, 50)}

HALVES = "two halves with a UID each"


def make_sense(names: list[str]) -> bool:
    """Second passes of two kinds would take each other's files away, and of halves a good one may be read alone."""
    return (sum(name in SEVERAL or "acquisitions" in name for name in names) < 2
            and not (HALVES in names and any(name in REFUSED for name in names)))


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good") / "scan"
    write(folder)
    return folder


def broken(good: Path, folder: Path, names: list[str]) -> Path:
    shutil.copytree(good, folder)
    for name in names:
        # An earlier fault may have left nothing that this one could break.
        with suppress(Exception):
            FAULTS[name](folder)
    return folder


@cases(40)
@given(names=st.lists(st.sampled_from(sorted(FAULTS)), min_size=2, max_size=3, unique=True).filter(make_sense))
def test_crossed_faults(good, tmp_path_factory, names):
    folder = broken(good, tmp_path_factory.mktemp("case") / "scan", names)
    plan = make_plan([folder])
    only = plan.only_scan(folder)
    for case in [only] if only else plan.cases:
        try:
            volume = read_volume(case.source, case.files)
        except InputError as error:
            assert "\n" not in str(error) and "SECRET" not in str(error) and str(error).endswith(".")
            continue
        whole = WHOLE[len(volume.voxels), int(volume.voxels.max())]
        np.testing.assert_array_equal(volume.voxels, whole)
