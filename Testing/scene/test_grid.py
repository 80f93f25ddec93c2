"""Whether the voxels of a volume still lie as they did."""

import numpy as np
import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.slicer.scene.grid import Grid
from Testing.lib.orientations import rotation

AXIAL = np.diag([-0.7, -0.8, 3.0, 1.0])


@pytest.fixture
def volume(world):
    return world.volume(np.zeros((4, 5, 6), np.int16), AXIAL)


def rigid(degrees, axis, shift_mm=0.0):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation(degrees, axis), shift_mm
    return matrix


def test_an_axial_scan_runs_to_left_posterior_and_superior(volume):
    grid = Grid.of(volume)
    assert grid.shape == (6, 5, 4)
    assert grid.spacing_mm == (0.7, 0.8, 3.0)
    assert grid.towards == ((0, False), (1, False), (2, False))


@pytest.mark.parametrize("change", [
    lambda world, volume: volume.SetOrigin(10.0, 20.0, 30.0),
    lambda world, volume: volume.SetName("another"),
    lambda world, volume: volume.SetAndObserveTransformNodeID(world.transform(rigid(7.0, 0, 50.0)).GetID()),
], ids=["shifted", "renamed", "tilted by a transform"])
def test_what_does_no_harm_is_let_pass(world, volume, change):
    grid = Grid.of(volume)
    change(world, volume)
    grid.check(volume)


@pytest.mark.parametrize(("change", "words"), [
    (lambda world, volume: volume.SetSpacing(0.7, 0.8, 1.5), "turned or stretched"),
    (lambda world, volume: volume.SetIJKToRASDirections(1, 0, 0, 0, -1, 0, 0, 0, 1), "turned or stretched"),
    (lambda world, volume: volume.SetAndObserveTransformNodeID(world.transform(rigid(180.0, 2)).GetID()),
     "turned or stretched"),
    (lambda world, volume: volume.SetAndObserveImageData(None), "got another size"),
], ids=["stretched", "mirrored", "turned round by a transform", "emptied"])
def test_what_makes_labels_wrong_is_refused(world, volume, change, words):
    grid = Grid.of(volume)
    change(world, volume)
    with pytest.raises(InputError, match=f"The volume scan {words}|The volume scan was {words}"):
        grid.check(volume)
