"""What a model gets most wrong, found and shown."""

from __future__ import annotations

import numpy as np
import pytest

from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Training.data.prepared import IGNORE
from Training.evaluation.failures import Failures

ORGANS = ABDOMEN_LABELS[:2]
KNOWN = [organ.name for organ in ORGANS]


def volume(name, flip=1.0):
    """A body of 6 slices of 40 x 40 voxels in air; `flip` -1 turns slices upside down."""
    hu = np.full((6, 40, 40), -1000, np.int16)
    hu[:, 8:32, 8:32] = 75
    return Volume(hu, (2.0, 2.0, 5.0), (0.0, 0.0, 0.0), np.diag([1.0, 1.0, flip]), name)


def cubes(first, second):
    """Channel map with both organs in slices `first` and `second`, in different corners of the body."""
    labels = np.zeros((6, 40, 40), np.uint8)
    labels[first, 10:14, 10:14] = 1
    labels[second, 20:24, 20:24] = 2
    return labels


def values(channels):
    return np.array([0, *(organ.value for organ in ORGANS)], np.uint8)[channels]


@pytest.fixture
def failures():
    return Failures(ORGANS, (-125.0, 275.0))


def test_worst_slice_is_shown(failures):
    predicted = cubes(slice(0, 4), slice(0, 4))
    predicted[3, 10:14, 10:12] = 0  # half of an organ in slice 3
    failures.look(volume("a"), values(predicted), cubes(slice(0, 4), slice(0, 4)), KNOWN)
    worst = failures.worst()[0]
    assert worst.title == f"a\n{ORGANS[0].name.replace('_', ' ')}: Dice 0.93"  # 2 * 56 / (56 + 64)
    assert (worst.reference == 1).sum() == 16 and (worst.predicted == 1).sum() == 8
    assert worst.pixels.max() == pytest.approx(0.5)  # 75 HU in the window


def test_radiological_orientation(failures):
    predicted = cubes(slice(0, 4), slice(0, 4))
    predicted[0, 10:14, 10:14] = 0
    failures.look(volume("upside down", -1.0), values(predicted), cubes(slice(0, 4), slice(0, 4)), KNOWN)
    worst = failures.worst()[0]
    assert (worst.reference == 1).sum() == 16 and (worst.predicted == 1).sum() == 0


def test_one_organ_a_case_first(failures):
    real = cubes(slice(0, 4), slice(0, 4))
    nothing, half = np.zeros_like(real), cubes(slice(0, 2), slice(0, 2))
    failures.look(volume("bad"), values(nothing), real, KNOWN)
    failures.look(volume("fair"), values(half), real, KNOWN)
    assert [failure.title.split("\n")[0] for failure in failures.worst()] == ["bad", "fair", "bad", "fair"]


def test_unannotated_is_no_failure(failures):
    real = cubes(slice(0, 4), slice(0, 4))
    unknown = real.copy()
    unknown[2:, 20:24, 20:24] = IGNORE
    wrong = cubes(slice(0, 4), slice(0, 6))
    wrong[:, 10:14, 10:14] = 0
    failures.look(volume("a"), values(wrong), unknown, KNOWN[1:])
    assert failures.worst() == []


def test_perfect_is_no_failure(failures, tmp_path):
    real = cubes(slice(0, 4), slice(0, 4))
    half = cubes(slice(0, 4), slice(0, 2))
    failures.look(volume("perfect"), values(real), real, KNOWN)
    failures.write(tmp_path)
    assert not list(tmp_path.iterdir())
    failures.look(volume("fair"), values(half), real, KNOWN)
    assert [failure.title.split(":")[0] for failure in failures.worst()] == [
        f"fair\n{ORGANS[1].name.replace('_', ' ')}"]


def test_only_the_shown_is_kept(failures):
    failures.look(volume("a"), values(cubes(slice(0), slice(0))), cubes(slice(0, 4), slice(0, 4)), KNOWN)
    for failure in failures.worst():
        assert all(picture.base is None for picture in (failure.reference, failure.predicted))


def test_nothing_to_show_is_no_picture(failures, tmp_path):
    failures.look(volume("a"), values(cubes(slice(0), slice(0))), cubes(slice(0), slice(0)), [])
    failures.write(tmp_path)
    assert not list(tmp_path.iterdir())
