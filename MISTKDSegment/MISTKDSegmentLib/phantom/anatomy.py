"""Where the organs of the phantom lie: a table of smooth shapes, in painting order, in mm and HU.

x runs to the patient's left from the midline, y to posterior from the body's centre, z to superior from the
middle of the kidneys. Proportions are those of an average adult in the portal-venous phase: places, volumes and HU
follow averages over twelve Synapse cases; no voxel of a patient is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.phantom.shapes import Blend, Ellipsoid, Shape, Tube

_VALUE = {label.name: label.value for label in ABDOMEN_LABELS}


@dataclass(frozen=True)
class Paint:
    """One thing painted over what lies there already.

    Attributes:
        group: things of one group move and grow together from seed to seed; an organ's name sets its label.
        shape: where it is.
        hu: its HU.
        wall: thickness in mm and HU of an outer layer.
        gas_above: what lies inside the wall and in front of this y is gas.
        rough: amplitude in mm of the waviness of its surface.
        mottle: amplitude in HU of a coarse texture.
        within: a region of the trunk that it stays in, 2 mm away from its border.
        keeps_label: does not change labels (vessels inside an organ).
        clears_label: moves with an organ, but is not part of it.
    """

    group: str
    shape: Shape
    hu: float
    wall: Optional[tuple[float, float]] = None
    gas_above: Optional[float] = None
    rough: float = 0.0
    mottle: float = 0.0
    within: Optional[str] = None
    keeps_label: bool = False
    clears_label: bool = False

    @property
    def label(self) -> int:
        """Label value; 0 for what is no organ of the label table."""
        return 0 if self.clears_label else _VALUE.get(self.group, 0)


def anatomy(rng: np.random.Generator) -> list[Paint]:
    """All paints, in the order in which they cover each other."""
    return [*_MEDIASTINUM, *_muscles(), *_bowel(rng), *_COLON, *_UPPER_ABDOMEN, *_kidney("left_kidney", 1),
            *_kidney("right_kidney", -1), *_VESSELS, *_CENTRE]


_HEART = Blend((
    Ellipsoid((30, -48, 164), (60, 38, 42), turn=-25),
    Ellipsoid((-14, -38, 175), (38, 30, 46)),
), 18)
_CHEST_FAT = Blend((Ellipsoid((0, 5, 170), (36, 46, 95)), Ellipsoid((20, -56, 154), (72, 48, 68))), 18)
_MEDIASTINUM = [
    Paint("mediastinum", _CHEST_FAT, -90, mottle=15, within="chest"),
    Paint("heart", _HEART, 145, rough=1, mottle=8),
    Paint("gullet", Tube(((-4, -4, 210, 7), (0, -6, 150, 7), (14, -16, 112, 8), (38, -18, 98, 10))), 50),
]

_LIVER = Blend((
    Ellipsoid((-82, -14, 74), (70, 88, 74)),
    Ellipsoid((-100, -8, 16), (36, 58, 50)),
    Tube(((-60, -45, 82, 44), (-10, -58, 90, 35), (28, -66, 96, 22), (58, -62, 102, 8))),
), 18)
_LIVER_VEINS = (
    ((-12, -34, 48, 6), (-44, -30, 62, 6.5), (-72, -22, 66, 4.5), (-100, -8, 62, 2)),
    ((-44, -30, 62, 6), (-40, -52, 78, 4.5), (-22, -62, 88, 2)),
    ((-72, -22, 66, 4), (-90, -40, 56, 3.5), (-104, -52, 44, 2)),
    ((-26, -14, 112, 6), (-55, -18, 102, 4.5), (-90, -5, 84, 2.5)),
    ((-26, -16, 112, 5), (-50, -42, 104, 4), (-70, -62, 88, 2)),
    ((-22, -20, 112, 5), (-12, -42, 104, 3.5), (2, -60, 98, 2)),
)
_STOMACH = Tube(((58, 0, 102, 22), (62, -12, 86, 31), (66, -38, 64, 29), (54, -58, 40, 24), (24, -66, 24, 20),
                 (-8, -64, 26, 14), (-24, -58, 30, 9)))
_SPLEEN = Blend((Ellipsoid((112, 14, 62), (27, 50, 48), turn=-32), Ellipsoid((92, 42, 72), (34, 22, 34))), 15)
_UPPER_ABDOMEN = [
    Paint("liver", _LIVER, 108, rough=2.5, mottle=3, within="abdomen"),
    *(Paint("liver", Tube(path), 150, keeps_label=True) for path in _LIVER_VEINS),
    Paint("spleen", _SPLEEN, 120, rough=2, mottle=2, within="abdomen"),
    Paint("stomach", _STOMACH, 28, wall=(4, 92), gas_above=-70, rough=2, mottle=14, within="abdomen"),
    Paint("adrenal", Tube(((34, 0, 52, 2.5), (42, 6, 46, 3), (50, 14, 40, 2))), 80),
    Paint("adrenal", Tube(((-34, 4, 58, 2.5), (-38, 14, 52, 2.5), (-42, 22, 46, 2))), 80),
]


def _kidney(group: str, side: int) -> list[Paint]:
    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return side * x, y, z + (6 if side > 0 else -4)

    body = Ellipsoid(at(70, 20, 0), (31, 26, 57), turn=side * 28, tilt=-side * 14)
    hilum = Ellipsoid(at(46, 8, 0), (16, 6, 11))
    sinus = Blend((Ellipsoid(at(62, 14, 0), (8, 7, 24), tilt=-side * 14), hilum), 10)
    capsule = Ellipsoid(at(64, 32, -4), (38, 34, 60), tilt=-side * 14)
    vein = Tube(tuple((*at(*place), radius) for *place, radius in (
        (20, -16, 4, 4.5), (38, -2, 3, 4.5), (52, 9, 1, 4), (62, 14, 0, 3))))
    pyramids = [Ellipsoid(at(70 + 14 * np.cos(angle), 20 + 10 * np.sin(angle), z), (7.5, 6.5, 7.5))
                for z in (-30, -15, 0, 15, 30) for angle in (-1.4, 0.1, 1.5, 2.6)]
    return [Paint(group, capsule, -102, mottle=8, within="abdomen", clears_label=True),
            Paint(group, body, 178, rough=1.2, mottle=4),
            *(Paint(group, pyramid, 140, keeps_label=True) for pyramid in pyramids),
            Paint(group, sinus, -70, mottle=15, rough=1.5, clears_label=True),
            Paint(group, vein, 150, clears_label=True)]


_VESSELS = [
    Paint("ivc", Tube(((-18, 2, -130, 10), (-20, -2, -60, 10), (-24, -6, 10, 11), (-27, -8, 70, 12),
                       (-26, -14, 112, 13), (-20, -22, 150, 14))), 132),
    Paint("aorta", Tube(((16, 4, 230, 12.5), (15, 0, 150, 12), (11, -6, 90, 11.5), (8, -12, 30, 10),
                         (7, -16, -20, 9.5), (6, -17, -58, 9))), 150),
    Paint("iliac", Tube(((6, -17, -58, 7), (20, -16, -78, 6.5), (36, -6, -110, 6.5), (44, 0, -140, 6))), 150),
    Paint("iliac", Tube(((5, -17, -58, 7), (-10, -18, -78, 6.5), (-30, -10, -110, 6.5),
                         (-40, -2, -140, 6))), 150),
    Paint("crus", Tube(((-14, -2, 100, 4), (-13, -6, 60, 5), (-11, -6, 10, 3))), 60),
    Paint("crus", Tube(((32, 4, 100, 4), (25, -2, 60, 5), (20, -5, 20, 3))), 60),
]

_PANCREAS = Tube(((-26, -36, -14, 10), (-26, -42, 4, 15), (-16, -46, 20, 13), (2, -52, 27, 9),
                  (24, -46, 31, 10.5), (48, -26, 37, 10.5), (70, -8, 46, 9), (82, 2, 52, 6)))
_DUODENUM = Tube(((-24, -58, 30, 12), (-46, -46, 24, 13), (-52, -30, 4, 13), (-46, -24, -24, 13),
                  (-16, -30, -38, 11), (22, -32, -26, 11), (36, -46, -8, 12)))
_GALLBLADDER = Tube(((-48, -44, 40, 5), (-56, -54, 30, 11), (-64, -64, 18, 15), (-69, -72, 6, 14)))
_CENTRE = [
    Paint("duodenum", _DUODENUM, 35, wall=(3, 90), rough=1.5, mottle=20),
    Paint("pancreas", _PANCREAS, 95, rough=2, mottle=10),
    Paint("splenic_vein", Tube(((-6, -38, 24, 5), (22, -34, 30, 4), (48, -14, 38, 4), (78, 8, 54, 3))), 150),
    Paint("portal_vein", Tube(((-6, -38, 22, 6.5), (-20, -36, 40, 7), (-38, -32, 58, 6.5))), 150),
    Paint("smv", Tube(((-6, -40, 22, 6), (-8, -44, -10, 5.5), (-6, -48, -50, 5), (-8, -50, -90, 4))), 150),
    Paint("sma", Tube(((8, -18, 30, 3.5), (7, -30, 14, 3.5), (6, -40, -14, 3.5), (6, -46, -60, 3))), 150),
    Paint("hepatic", Tube(((10, -14, 44, 3), (8, -28, 46, 3), (-14, -34, 50, 2.5), (-32, -36, 56, 2))), 150),
    Paint("celiac", Tube(((8, -28, 46, 3), (34, -22, 46, 2.5), (66, 0, 56, 2.5))), 150),
    Paint("gallbladder", _GALLBLADDER, 10, wall=(1.2, 55), rough=0.8),
]

_ASCENDING = Tube(((-98, 2, -130, 24), (-104, 0, -90, 21), (-102, 0, -50, 20), (-98, -14, -22, 19),
                   (-92, -44, -14, 18)))
_TRANSVERSE = Tube(((-92, -44, -14, 18), (-62, -72, -20, 17), (-20, -80, -30, 17), (30, -80, -22, 18),
                    (74, -70, 6, 18), (100, -40, 30, 17)))
_DESCENDING = Tube(((100, -40, 30, 16), (112, -6, 24, 15), (108, 16, -10, 14), (106, 20, -60, 13),
                    (98, 20, -130, 13)))
_COLON = [Paint("colon", tube, hu, wall=(2.5, 70), gas_above=gas_above, rough=3, mottle=65, within="abdomen")
          for tube, hu, gas_above in ((_ASCENDING, -25, -8), (_TRANSVERSE, -40, -74), (_DESCENDING, 5, 6))]


def _bowel(rng: np.random.Generator) -> list[Paint]:
    """Small-bowel loops that wander through the lower abdomen, and the mesenteric vessels towards them."""
    paints = []
    for row, z in enumerate(range(-134, 36, 18)):
        for y in (-74, -50, -26) if z < -30 else (-70, -46):
            reach = -82 if z < -20 else 18
            xs = np.linspace(reach, 96, 9 if z < -20 else 6)
            wander = rng.uniform(-8, 8, (xs.size, 3))
            wander[:, 2] += 9 * (-1.0) ** np.arange(xs.size)
            radii = rng.uniform(9, 13, xs.size)
            points = [(x + dx, y + dy, z + dz, r) for x, (dx, dy, dz), r in zip(xs, wander, radii)]
            first = rng.integers(0, 4)
            hu = float(rng.choice([25, 40, 60, 170], p=[0.4, 0.3, 0.2, 0.1]))
            gas = y - 5 if rng.random() < 0.25 else None
            paints.append(Paint(f"bowel{row}", Tube(tuple(points[first:first + 6]), 4), hu, wall=(2.5, 95),
                                gas_above=gas, rough=2, mottle=18, within="abdomen"))
            end = points[rng.integers(1, xs.size)]
            vessel = ((-4, -44, z / 2 - 10, 2.5), (end[0] / 2, y + 12, z - 4, 2), (*end[:3], 1.2))
            paints.append(Paint("mesentery", Tube(vessel, 4), 120, within="abdomen"))
    return paints


def _muscles() -> list[Paint]:
    paints = []
    for side in (1, -1):
        psoas = Tube(((side * 26, 16, 30, 5), (side * 32, 14, -10, 12), (side * 40, 10, -55, 18),
                      (side * 48, 0, -130, 20)))
        lumborum = Tube(((side * 62, 44, 40, 6), (side * 62, 42, -10, 12), (side * 66, 38, -60, 12)))
        ilium = Ellipsoid((side * 90, 36, -118), (52, 7, 58), turn=side * 42)
        paints += [Paint("psoas", psoas, 60, rough=1.5, mottle=6),
                   Paint("lumborum", lumborum, 58, rough=1.5, mottle=8),
                   Paint("ilium", ilium, 200, wall=(2.5, 600), rough=1, mottle=40)]
    return paints
