"""Surface of a mask as elements with an area in mm2, so that a surface counts by its size and not by its voxels.

A surface element lies between eight neighbouring voxels that are not all alike: it is the part of the marching-cubes
surface (Lorensen and Cline 1987) between their centres. This is the surface that Nikolov et al. 2021 ("Clinically
applicable segmentation of head and neck anatomy", section 3.4) and their package `surface-distance` measure.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from MISTKDSegmentLib.geometry.box import bounding_box

Corner = tuple[int, int, int]
Normals = list[np.ndarray]

# The eight voxels around an element, as offsets along (k, j, i); voxel n has the bit 1 << n in the element's code.
CORNERS: tuple[Corner, ...] = tuple((k, j, i) for k, j, i in product((0, 1), repeat=3))
CODES = 1 << len(CORNERS)
NOTHING = (slice(0, 0),) * 3  # the box around an empty mask


class Surface(NamedTuple):
    """Surface elements of a mask.

    Attributes:
        points: float (n, 3), places along (k, j, i) in voxels; the element between the voxels 0 and 1 lies at 0.5.
        codes: uint8 (n,), which of the eight voxels around each element are in the mask.
    """

    points: np.ndarray
    codes: np.ndarray


def surface_of(mask: np.ndarray) -> Surface:
    """Surface elements of a mask (k, j, i); outside the grid there is nothing."""
    box = bounding_box(mask) or NOTHING
    padded = np.pad(mask[box].astype(bool, copy=False), 1)
    cells = tuple(side - 1 for side in padded.shape)
    codes = np.zeros(cells, np.uint8)
    for number, offsets in enumerate(CORNERS):
        voxels = padded[tuple(slice(offset, offset + side) for offset, side in zip(offsets, cells))]
        codes |= voxels.astype(np.uint8) << number
    found = (codes != 0) & (codes != CODES - 1)
    return Surface(np.argwhere(found) + [axis.start - 0.5 for axis in box], codes[found])


def element_areas(codes: np.ndarray, spacing_kji: np.ndarray) -> np.ndarray:
    """Area of each surface element, in the square of the spacing's unit.

    Args:
        codes: uint8 (n,), of `Surface`.
        spacing_kji: distances of voxels along k, j and i.
    """
    faces = np.prod(spacing_kji) / spacing_kji
    areas = np.array([sum(np.linalg.norm(normal * faces) for normal in normals) for normals in _element_normals()])
    return areas[codes]


@lru_cache(maxsize=1)
def _element_normals() -> tuple[Normals, ...]:
    """For each code, the normals of the triangles of its surface between voxels 1 apart, as long as their areas."""
    return tuple([normal for outline in _outlines(code) for normal in _triangulated(outline)[1]]
                 for code in range(CODES))


def _outlines(code: int) -> list[np.ndarray]:
    """Closed outlines (n, 3) of the surface between eight voxels; they meet the edges between voxels half-way."""
    inside = {corner for number, corner in enumerate(CORNERS) if code >> number & 1}
    # Where a face has two opposite corners of each kind, the kind with fewer corners around the element is cut off.
    cut_off = inside if len(inside) <= len(CORNERS) / 2 else set(CORNERS) - inside
    neighbours: dict[tuple[float, ...], list[tuple[float, ...]]] = {}
    for face in _faces():
        edges = [tuple((np.array(a) + b) / 2) for a, b in zip(face, (*face[1:], face[0]))]
        crossed = [edge for edge, a, b in zip(edges, face, (*face[1:], face[0])) if (a in inside) != (b in inside)]
        if len(crossed) == 4:
            crossed = [edge for n, corner in enumerate(face) if corner in cut_off for edge in (edges[n - 1], edges[n])]
        for one, other in zip(crossed[::2], crossed[1::2]):
            neighbours.setdefault(one, []).append(other)
            neighbours.setdefault(other, []).append(one)
    outlines = []
    while neighbours:
        outline = [next(iter(neighbours))]
        while following := [point for point in neighbours.pop(outline[-1]) if point in neighbours]:
            outline.append(following[0])
        outlines.append(np.array(outline))
    return outlines


def _faces() -> list[list[Corner]]:
    """The six faces between eight voxels, each as its four corners in the order around it."""
    faces = []
    for axis, side in product(range(3), (0, 1)):
        around = ((0, 0), (0, 1), (1, 1), (1, 0))
        faces.append([(*pair[:axis], side, *pair[axis:]) for pair in around])
    return faces  # type: ignore[return-value]


def _triangulated(outline: np.ndarray) -> tuple[float, Normals]:
    """The triangulation of the largest area of an outline (n, 3): that area, and the triangles' normals."""
    if len(outline) < 3:
        return 0.0, []
    options = []
    for middle in range(1, len(outline) - 1):
        normal = np.cross(outline[middle] - outline[0], outline[-1] - outline[0]) / 2
        (one, ones), (other, others) = _triangulated(outline[:middle + 1]), _triangulated(outline[middle:])
        options.append((one + other + float(np.linalg.norm(normal)), [*ones, *others, normal]))
    return max(options, key=lambda option: option[0])
