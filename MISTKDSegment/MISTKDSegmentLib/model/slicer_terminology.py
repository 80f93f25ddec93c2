"""What a label is, in the words of Slicer's terminology."""

from __future__ import annotations

import re
from typing import Optional

from MISTKDSegmentLib.model.labels import Code, Label

# Names of the code lists that Slicer ships; it looks the codes of a segment up in them.
_TYPES_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
_REGIONS_CONTEXT = "Anatomic codes - DICOM master list"


def terminology_entry(label: Label) -> str:
    """The codes of a label as Slicer's terminology logic serialises them.

    Returns:
        Context, category, type, modifier, and no region; separators within a code become spaces.
    """
    codes = "~".join(map(_code, (label.category, label.type, label.modifier)))
    return f"{_TYPES_CONTEXT}~{codes}~{_REGIONS_CONTEXT}~^^~^^"


def without_separators(text: str) -> str:
    """Without the characters that separate fields, so that a name cannot break what it is written into."""
    return re.sub(r"[\s|~^\\]+", " ", text).strip()


def _code(code: Optional[Code]) -> str:
    return "^".join(map(without_separators, (code.scheme, code.value, code.meaning))) if code else "^^"
