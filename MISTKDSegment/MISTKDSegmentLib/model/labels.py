"""Labels of a segmentation: value, name, SNOMED CT codes and display colour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional


@dataclass(frozen=True)
class Code:
    """A coded concept (DICOM PS3.3 section 8): scheme designator, value and meaning."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Label:
    """One organ of a label map.

    Attributes:
        value: voxel value in the label map, 1 to 255.
        name: lower-case identifier with underscores, e.g. "left_kidney"; what `--organs` takes.
        title: name for people, e.g. "Left kidney".
        color: display colour, RGB 0 to 255.
        category: segmented property category (DICOM CID 7150), e.g. SCT 123037004 Anatomical Structure.
        type: segmented property type, e.g. SCT 64033007 Kidney.
        modifier: laterality or None, e.g. SCT 7771000 Left.
        plausible_ml: smallest and largest volume that a whole organ of an adult may have, or None where nobody
            said; outside, the segmentation is to be looked at. No part of what the label is.
    """

    value: int
    name: str
    title: str
    color: tuple[int, int, int]
    category: Code
    type: Code
    modifier: Optional[Code] = None
    plausible_ml: Optional[tuple[float, float]] = field(default=None, compare=False)


ANATOMICAL_STRUCTURE = Code("SCT", "123037004", "Anatomical Structure")
LEFT = Code("SCT", "7771000", "Left")
RIGHT = Code("SCT", "24028007", "Right")


def _organ(value: int, name: str, color: tuple[int, int, int], plausible_ml: tuple[float, float], code: str,
           meaning: str, modifier: Optional[Code] = None) -> Label:
    title = name.replace("_", " ").capitalize()
    return Label(value, name, title, color, ANATOMICAL_STRUCTURE, Code("SCT", code, meaning), modifier, plausible_ml)


# The eight organs of the Synapse/BTCV benchmark in TransUNet's order; colours that a legend can tell apart. Volumes
# are wide on purpose: about half of what small and twice of what large healthy adults have, the stomach full or empty.
ABDOMEN_LABELS = (
    _organ(1, "aorta", (230, 60, 60), (20.0, 400.0), "15825003", "Aorta"),
    _organ(2, "gallbladder", (110, 190, 90), (3.0, 200.0), "28231008", "Gallbladder"),
    _organ(3, "left_kidney", (240, 190, 60), (50.0, 450.0), "64033007", "Kidney", LEFT),
    _organ(4, "right_kidney", (80, 200, 190), (50.0, 450.0), "64033007", "Kidney", RIGHT),
    _organ(5, "liver", (200, 115, 75), (500.0, 4000.0), "10200004", "Liver"),
    _organ(6, "pancreas", (235, 130, 200), (20.0, 250.0), "15776009", "Pancreas"),
    _organ(7, "spleen", (150, 100, 200), (30.0, 1200.0), "78961009", "Spleen"),
    _organ(8, "stomach", (80, 130, 220), (30.0, 2500.0), "69695003", "Stomach"),
)
