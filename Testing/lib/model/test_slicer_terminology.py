"""The codes of labels as Slicer serialises them."""

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS, Code, Label
from MISTKDSegmentLib.model.slicer_terminology import terminology_entry


def test_codes_are_serialised_as_slicer_does():
    right_kidney = next(label for label in ABDOMEN_LABELS if label.name == "right_kidney")
    assert terminology_entry(right_kidney) == (
        "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure"
        "~SCT^64033007^Kidney~SCT^24028007^Right~Anatomic codes - DICOM master list~^^~^^")
    assert "~SCT^10200004^Liver~^^~" in terminology_entry(ABDOMEN_LABELS[4])


def test_a_meaning_with_separators_leaves_the_number_of_fields_as_it_is():
    code = Code("99X", "1", "a|b~c^d\ne")
    entry = terminology_entry(Label(5, "x", "X", (1, 2, 3), code, code))
    assert entry.split("~")[1:3] == ["99X^1^a b c d e"] * 2
    assert (entry.count("~"), "|" in entry) == (6, False)
